"""stub"""

FORMATS = ("lattice_access", "alb_access", "vpc_flow")


def write_load(*a: object) -> int:
    return 0
