"""Every table of the lake, declared once; names are public and only ever added to."""

from ingest.lake.declarations.bookkeeping import FINDINGS, OBJECTS, REJECTS
from ingest.lake.declarations.lattice import LATTICE_ACCESS, LATTICE_RESOURCE_ACCESS
from ingest.lake.declarations.load_balancer import ALB_ACCESS, ALB_CONNECTION, ALB_HEALTH_CHECK
from ingest.lake.declarations.rollups import (
    CALL_HOURS,
    CALL_MINUTES,
    EDGE_HOURS,
    EDGE_LATENCY_HOURS,
    ENDPOINT_HOURS,
    FLOW_HOURS,
)
from ingest.lake.declarations.vpc_flow import VPC_FLOW

SOURCE_TABLES = (
    LATTICE_ACCESS,
    LATTICE_RESOURCE_ACCESS,
    ALB_ACCESS,
    ALB_CONNECTION,
    ALB_HEALTH_CHECK,
    VPC_FLOW,
)
ROLLUPS = (CALL_MINUTES, CALL_HOURS, EDGE_HOURS, EDGE_LATENCY_HOURS, ENDPOINT_HOURS, FLOW_HOURS)
TABLES = {table.name: table for table in (*SOURCE_TABLES, OBJECTS, REJECTS, *ROLLUPS, FINDINGS)}

__all__ = [
    "ALB_ACCESS",
    "ALB_CONNECTION",
    "ALB_HEALTH_CHECK",
    "CALL_HOURS",
    "CALL_MINUTES",
    "EDGE_HOURS",
    "EDGE_LATENCY_HOURS",
    "ENDPOINT_HOURS",
    "FINDINGS",
    "FLOW_HOURS",
    "LATTICE_ACCESS",
    "LATTICE_RESOURCE_ACCESS",
    "OBJECTS",
    "REJECTS",
    "ROLLUPS",
    "SOURCE_TABLES",
    "TABLES",
    "VPC_FLOW",
]
