"""What stands where: VPCs, network interfaces, services, tasks with their lifetimes, front doors, callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv6Address
from random import Random

REGION = "us-east-1"
ACCOUNT_A = "123456789012"
ACCOUNT_B = "111122223333"
AZS = ("use1-az1", "use1-az2", "use1-az4")
FOREVER = float("inf")


def hex_id(rng: Random, digits: int) -> str:
    """A random id of `digits` hexadecimal digits."""
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


@dataclass(eq=False)
class Vpc:
    """A VPC with one flow log, or none when its id is empty.

    `prefix`: the first two octets of its /16, `ipv6_prefix`: three groups of its /56.
    """

    name: str
    vpc_id: str
    account: str
    prefix: str
    ipv6_prefix: str
    flow_log_id: str
    subnets: dict[str, str]
    next_address: int = 0
    next_fixed: int = 0
    freed: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """The ARN as Lattice logs it in `sourceVpcArn`."""
        return f"arn:aws:ec2:{REGION}:{self.account}:vpc/{self.vpc_id}"

    @property
    def cidr(self) -> str:
        """The IPv4 range."""
        return f"{self.prefix}.0.0/16"

    def take_address(self, owner: str, at: float, rest: float) -> str:
        """An IPv4 address for a task: one that another owner freed at least `rest` seconds ago, else a new one."""
        for position, (freed_at, ip, previous) in enumerate(self.freed):
            if at - freed_at >= rest and previous != owner:
                del self.freed[position]
                return ip
        self.next_address += 1
        n = self.next_address
        return (
            f"{self.prefix}.{16 * (n % 3)}.{10 + n}"
            if n < 240
            else f"{self.prefix}.{16 * (n % 3) + n // 240}.{10 + n % 240}"
        )

    def take_fixed_address(self) -> str:
        """An IPv4 address that is never given to anybody else (load balancer nodes, NAT, databases, Lambda)."""
        self.next_fixed += 1
        return f"{self.prefix}.{200 + self.next_fixed % 3}.{20 + self.next_fixed}"

    def ipv6(self, ipv4: str) -> str:
        """The IPv6 address of the interface that has `ipv4`."""
        _, _, third, fourth = ipv4.split(".")
        return str(IPv6Address(f"{self.ipv6_prefix}:{int(third):x}::{int(fourth):x}"))


@dataclass(eq=False)
class Eni:
    """A network interface; `offset`: the second of the minute its aggregation windows start."""

    eni_id: str
    vpc: Vpc
    subnet_id: str
    az: str
    ipv4: str
    ipv6: str
    offset: int
    instance_id: str = "-"
    ecs_service: str = "-"


@dataclass(eq=False)
class Host:
    """An address that sends or receives. `exit`: the NAT or proxy host its calls leave from, else None."""

    vpc: Vpc
    ipv4: str
    ipv6: str
    eni: Eni
    exit: Host | None = None
    exit_kind: str = ""
    last_port: int = 0

    def ephemeral_port(self) -> int:
        """The next source port, without repetition for 28,232 connections."""
        self.last_port += 1
        return 32768 + (self.last_port * 7919 + int(self.ipv4.rsplit(".", 1)[1]) * 131) % 28232


@dataclass(eq=False)
class Task:
    """One running copy of a service: takes requests in [start, stop), its address is free some minutes after."""

    service: Service
    host: Host
    port: int
    session: str
    start: float
    stop: float = FOREVER


@dataclass(eq=False)
class LoadBalancer:
    """An internal ALB with one node per AZ."""

    name: str
    lb_id: str
    vpc: Vpc
    nodes: list[Host]
    mtls: bool
    certificate_arn: str
    dns: str

    @property
    def elb(self) -> str:
        """The id as ALB logs print it: `app/name/id`."""
        return f"app/{self.name}/{self.lb_id}"


@dataclass(eq=False)
class Certificate:
    """A client certificate: subject, validity (epoch seconds) and serial number."""

    subject: str
    not_before: float
    not_after: float
    serial: str


@dataclass(frozen=True)
class Downstream:
    """A call a service makes while it works on a request; a `critical` one's failure fails the request.

    `read`: path of a plain read, which causes no further calls; empty for the callee's own routes.
    """

    callee: str
    probability: float
    critical: bool = False
    read: str = ""


@dataclass(eq=False)
class Route:
    """One kind of request: share of the service's requests, method, path, and the calls it causes."""

    weight: float
    method: str
    path: str
    calls: list[Downstream]


@dataclass(eq=False)
class Service:
    """A service: its role, where it runs, which front door takes its requests, and what it does with one."""

    name: str
    vpc: Vpc
    door: str
    platform: str
    port: int
    own_ms: float
    routes: list[Route]
    role_name: str
    grpc: bool = False
    ipv6_targets: bool = False
    host: str = ""
    service_id: str = ""
    dns: str = ""
    lattice_ip: str = ""
    lb: LoadBalancer | None = None
    rule_priority: int = 0
    target_group_arn: str = ""
    alb_target_group_arn: str = ""
    canary_target_group_arn: str = ""
    certificate: Certificate | None = None
    tasks: list[Task] = field(default_factory=list)
    canaries: list[Task] = field(default_factory=list)

    @property
    def account(self) -> str:
        """The account it runs in."""
        return self.vpc.account

    @property
    def role_arn(self) -> str:
        """Its IAM role."""
        return f"arn:aws:iam::{self.account}:role/{self.role_name}"

    @property
    def service_arn(self) -> str:
        """The Lattice service's ARN, empty when Lattice is not its front door."""
        return f"arn:aws:vpc-lattice:{REGION}:{self.account}:service/{self.service_id}" if self.service_id else ""

    def live(self, at: float) -> list[Task]:
        """Tasks that take requests at `at`."""
        return [task for task in self.tasks if task.start <= at < task.stop]


@dataclass(eq=False)
class Caller:
    """A caller that is no service: Lambda function, job, IAM user, partner, prober."""

    name: str
    kind: str
    principal: str
    hosts: list[Host]
    certificate: Certificate | None = None


@dataclass(eq=False)
class Source:
    """Who makes one call: a copy of a caller or service. `principal` carries the session; empty when there is none.

    `ipv6`: its calls to Lattice go over IPv6 when the callee's name says so (see `Traffic`).
    """

    name: str
    principal: str
    account: str
    host: Host
    certificate: Certificate | None = None
    ipv6: bool = False


@dataclass(eq=False)
class Topology:
    """The whole simulated estate."""

    vpcs: dict[str, Vpc]
    services: dict[str, Service]
    callers: dict[str, Caller]
    load_balancers: dict[str, LoadBalancer]
    network_id: str
    quiet_enis: list[Eni]
    database: Host
    resource: Host
    resource_gateway: Host
    scanner: Host
    resource_ids: dict[str, str]

    @property
    def network_arn(self) -> str:
        """The service network's ARN."""
        return f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT_A}:servicenetwork/{self.network_id}"

    @property
    def resource_arn(self) -> str:
        """The ARN of the resource configuration in front of `resource`."""
        account, rcfg = self.resource.vpc.account, self.resource_ids["rcfg"]
        return f"arn:aws:vpc-lattice:{REGION}:{account}:resourceconfiguration/{rcfg}"
