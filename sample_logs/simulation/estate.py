"""Builds the estate: 14 services by design (more by the same shapes), three VPCs, load balancers, callers, deploys."""

from __future__ import annotations

from random import Random

from .topology import (
    ACCOUNT_A,
    ACCOUNT_B,
    AZS,
    FOREVER,
    REGION,
    Caller,
    Certificate,
    Downstream,
    Eni,
    Host,
    LoadBalancer,
    Route,
    Service,
    Task,
    Topology,
    Vpc,
    hex_id,
)

D = Downstream
# name, vpc, front door, platform, tasks, own work in ms, routes (share, method, path, calls)
DESIGN: list[tuple[str, str, str, str, int, float, list[tuple[float, str, str, list[Downstream]]]]] = [
    (
        "gateway",
        "a",
        "alb:edge",
        "ecs",
        3,
        9,
        [
            (0.55, "GET", "/browse", [D("catalog", 1), D("search", 0.6)]),
            (0.30, "POST", "/checkout", [D("orders", 1, True)]),
            (0.15, "GET", "/account", [D("profile", 1)]),
        ],
    ),
    (
        "orders",
        "a",
        "lattice",
        "ecs",
        3,
        18,
        [
            (
                1,
                "POST",
                "/orders",
                [D("pricing", 1, True), D("inventory", 1), D("payments", 1, True), D("shipping", 0.8)],
            ),
        ],
    ),
    ("payments", "a", "lattice", "ecs", 3, 22, [(1, "POST", "/payments", [D("fraud", 1), D("ledger", 1, True)])]),
    ("ledger", "b", "lattice", "ecs", 2, 12, [(1, "POST", "/entries", [])]),
    (
        "inventory",
        "a",
        "lattice",
        "shared",
        2,
        8,
        [(1, "POST", "/inventory.v1.Stock/Reserve", [D("notifications", 0.25)])],
    ),
    ("catalog", "a", "alb:edge", "pod", 3, 14, [(1, "GET", "/items", [D("pricing", 0.6), D("inventory", 0.4)])]),
    ("search", "a", "alb:edge", "sidecar", 2, 25, [(1, "GET", "/search", [D("pricing", 0.5), D("inventory", 0.3)])]),
    ("pricing", "a", "lattice", "shared", 2, 10, [(1, "POST", "/quotes", [D("profile", 0.25)])]),
    ("shipping", "c", "lattice+alb:shipping", "ecs", 2, 20, [(1, "POST", "/shipments", [D("notifications", 0.7)])]),
    ("notifications", "c", "lattice", "nat", 2, 12, [(1, "POST", "/messages", [D("profile", 0.5)])]),
    (
        "reports",
        "b",
        "lattice",
        "ecs",
        2,
        40,
        [(1, "GET", "/reports/daily", [D("ledger", 1, True), D("orders", 1, read="/orders/recent")])],
    ),
    ("profile", "c", "lattice", "nat", 2, 11, [(1, "GET", "/profiles/me", [D("identity", 0.6)])]),
    ("identity", "c", "alb:mtls", "ecs", 2, 7, [(1, "POST", "/token/introspect", [])]),
    ("fraud", "b", "lattice", "ecs", 2, 26, [(1, "POST", "/score", [D("identity", 0.5), D("profile", 0.3)])]),
]
SHARED_PORTS = {"inventory": 8081, "pricing": 8082}
TASK_PORT = 8080
CHILD_PARENTS = ("gateway", "orders", "catalog", "shipping", "payments")


class EstateBuilder:
    """Builds one `Topology` from a seed: the same seed gives the same estate."""

    def __init__(self, seed: int, start: float, end: float, services: int, all_deploy: bool = True) -> None:
        """`start`, `end`: epoch seconds of the simulated time; `services`: 14 or more.

        `all_deploy`: every service that may move does so in this run, however short it is; else as many as three hours
        would leave for its length, and freed addresses rest as long as in three hours.
        """
        self.all_deploy = all_deploy
        self.rng = Random(f"estate-{seed}")
        self.start, self.end, self.count = start, end, max(services, len(DESIGN))
        self.vpcs: dict[str, Vpc] = {}
        self.services: dict[str, Service] = {}
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.nodes: dict[str, list[Eni]] = {}
        self.exits: dict[str, Host] = {}

    def build(self) -> Topology:
        """The estate, with every task's lifetime to the end of the simulated time."""
        self._vpcs()
        for name, vpc in (("edge", "a"), ("shipping", "c"), ("mtls", "c")):
            self.load_balancers[name] = self._load_balancer(name, self.vpcs[vpc])
        self.exits = {"nat": self.fixed_host("c"), "sidecar": self.fixed_host("a", instance=True)}
        for position, design in enumerate([*DESIGN, *self._more()]):
            self._service(position, *design)
        self._deploys()
        return self._topology()

    def _vpcs(self) -> None:
        plan = (
            ("a", ACCOUNT_A, "10.0", "fd8a:c1d0:a"),
            ("b", ACCOUNT_B, "10.0", "fd8a:c1d0:b"),
            ("c", ACCOUNT_A, "10.1", "fd8a:c1d0:c"),
        )
        for name, account, prefix, ipv6 in plan:
            subnets = {az: "subnet-" + hex_id(self.rng, 17) for az in AZS}
            flow_log = "fl-" + hex_id(self.rng, 17)
            self.vpcs[name] = Vpc(name, "vpc-" + hex_id(self.rng, 17), account, prefix, ipv6, flow_log, subnets)

    def _eni(self, vpc: Vpc, ipv4: str, ecs: str = "-", instance: bool = False) -> Eni:
        az = (
            AZS[int(ipv4.split(".")[2]) // 16 % 3]
            if int(ipv4.split(".")[2]) < 200
            else AZS[int(ipv4.split(".")[2]) - 200]
        )
        instance_id = "i-" + hex_id(self.rng, 17) if instance else "-"
        eni_id = "eni-" + hex_id(self.rng, 17)
        return Eni(eni_id, vpc, vpc.subnets[az], az, ipv4, vpc.ipv6(ipv4), self.rng.randrange(60), instance_id, ecs)

    def fixed_host(self, vpc_name: str, instance: bool = False) -> Host:
        """A host whose address never changes hands."""
        vpc = self.vpcs[vpc_name]
        ipv4 = vpc.take_fixed_address()
        return Host(vpc, ipv4, vpc.ipv6(ipv4), self._eni(vpc, ipv4, instance=instance))

    def _load_balancer(self, name: str, vpc: Vpc) -> LoadBalancer:
        full = f"internal-{name}"
        lb_id = hex_id(self.rng, 16)
        certificate = f"arn:aws:acm:{REGION}:{vpc.account}:certificate/{self._uuid()}"
        dns = f"internal-{full}-{self.rng.randrange(10**8, 10**9)}.{REGION}.elb.amazonaws.com"
        nodes = [self.fixed_host(vpc.name) for _ in range(2)]
        return LoadBalancer(full, lb_id, vpc, nodes, name == "mtls", certificate, dns)

    def _uuid(self) -> str:
        h = hex_id(self.rng, 32)
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

    def _more(self) -> list[tuple[str, str, str, str, int, float, list[tuple[float, str, str, list[Downstream]]]]]:
        """Services beyond the design: named svc-15..., each called by one service made before it."""
        more = []
        parents: list[str] = list(CHILD_PARENTS)
        self.children: dict[str, list[str]] = {}
        for number in range(len(DESIGN) + 1, self.count + 1):
            name = f"svc-{number}"
            self.children.setdefault(self.rng.choice(parents), []).append(name)
            if number % 2:
                parents.append(name)
            shape = ("ecs", "ecs", "pod")[number % 3]
            own = 6.0 + self.rng.randrange(20)
            door = "alb:edge" if shape != "pod" and number % 5 == 0 else "lattice"
            vpc = "a" if door == "alb:edge" else "abc"[number % 3]
            more.append((name, vpc, door, shape, 2, own, [(1.0, "GET", f"/{name}", list[Downstream]())]))
        return more

    def _service(
        self,
        position: int,
        name: str,
        vpc_name: str,
        door: str,
        platform: str,
        tasks: int,
        own_ms: float,
        routes: list[tuple[float, str, str, list[Downstream]]],
    ) -> None:
        vpc = self.vpcs[vpc_name]
        kind, _, lb_name = door.partition(":")
        lb = self.load_balancers[lb_name] if lb_name else None
        extra = [Downstream(child, 0.3) for child in self.children.get(name, [])]
        made = [Route(w, method, path, calls + extra) for w, method, path, calls in routes]
        service = Service(name, vpc, kind, platform, SHARED_PORTS.get(name, TASK_PORT), own_ms, made, f"{name}-task")
        service.grpc = name == "inventory"
        service.ipv6_targets = name == "notifications"
        service.lb = lb
        service.rule_priority = position + 1 if lb_name == "edge" else 1
        group = f"arn:aws:elasticloadbalancing:{REGION}:{vpc.account}:targetgroup/{name}/{hex_id(self.rng, 16)}"
        if kind != "lattice":
            service.alb_target_group_arn = group
        if kind == "alb":
            service.host = f"{name}.internal.example.com"
        else:
            service.service_id = "svc-" + hex_id(self.rng, 17)
            service.host = f"{name}.svc.example.com"
            service.dns = f"{name}-{service.service_id[4:]}.7d67968.vpc-lattice-svcs.{REGION}.on.aws"
            service.lattice_ip = f"169.254.171.{32 + position}"
            service.target_group_arn = (
                f"arn:aws:vpc-lattice:{REGION}:{vpc.account}:targetgroup/tg-{hex_id(self.rng, 17)}"
            )
        if any(call.callee == "identity" for route in made for call in route.calls):
            service.certificate = self.certificate(f"{name}.svc.example.com", self.end + 90 * 86400)
        self.services[name] = service
        for _ in range(tasks):
            self._task(service, self.start - 86400, FOREVER)
        if name == "payments":
            service.canary_target_group_arn = (
                f"arn:aws:vpc-lattice:{REGION}:{vpc.account}:targetgroup/tg-{hex_id(self.rng, 17)}"
            )
            self._task(service, self.start - 86400, FOREVER)
            service.canaries = [service.tasks.pop()]

    def certificate(self, common_name: str, not_after: float) -> Certificate:
        """A client certificate issued 60 days before the start."""
        return Certificate(
            f"CN={common_name},O=Example Corp,C=US", self.start - 60 * 86400, not_after, hex_id(self.rng, 16).upper()
        )

    def _task(self, service: Service, start: float, stop: float) -> Task:
        vpc = service.vpc
        session = hex_id(self.rng, 32)
        sibling = self._sibling_host(service)
        if sibling is not None:
            host = sibling
        else:
            rest = min(2100.0, (self.end - self.start) * 0.2) if self.all_deploy else 2100.0
            ipv4 = vpc.take_address(service.name, start, rest)
            if service.platform == "pod":
                host = Host(vpc, ipv4, vpc.ipv6(ipv4), self._node(vpc, ipv4))
            else:
                ecs = service.name if service.platform != "shared" else "-"
                host = Host(vpc, ipv4, vpc.ipv6(ipv4), self._eni(vpc, ipv4, ecs, service.platform == "shared"))
        if service.platform in self.exits:
            host.exit, host.exit_kind = self.exits[service.platform], service.platform
        task = Task(service, host, service.port, session, start, stop)
        service.tasks.append(task)
        return task

    def _sibling_host(self, service: Service) -> Host | None:
        """The EC2 instance that already runs the other of the two services that share hosts."""
        if service.name != "pricing" or len(service.tasks) >= 2:
            return None
        return self.services["inventory"].tasks[len(service.tasks)].host

    def _node(self, vpc: Vpc, pod_ip: str) -> Eni:
        """The Kubernetes node's interface a pod's secondary address is on: two nodes per VPC."""
        nodes = self.nodes.setdefault(vpc.name, [])
        if len(nodes) < 2:
            nodes.append(self._eni(vpc, vpc.take_fixed_address(), instance=True))
        return nodes[int(pod_ip.rsplit(".", 1)[1]) % len(nodes)]

    def _deploys(self) -> None:
        """Each service that may move deploys once: new tasks with new addresses, old ones leave and free theirs."""
        movable = [s for s in self.services.values() if s.platform in ("ecs", "pod")]
        length = self.end - self.start
        times = [self.start + length * (0.08 + 0.84 * (i + 0.5) / len(movable)) for i in range(len(movable))]
        order = movable[:]
        self.rng.shuffle(order)
        share = 1.0 if self.all_deploy else min(1.0, length / 10_800)
        for at, service in list(zip(times, order, strict=True))[:: round(1 / share)]:
            old = service.live(at)
            for number, task in enumerate(old):
                begin = at + 20 * number
                self._task(service, begin, FOREVER)
                task.stop = begin + 40
                service.vpc.freed.append((task.stop + 120, task.host.ipv4, service.name))

    def _topology(self) -> Topology:
        names = ("snra", "vpce", "rcfg")
        resource_ids = {name: f"{name}-" + hex_id(self.rng, 17) for name in names}
        quiet = [self._eni(vpc, vpc.take_fixed_address(), instance=True) for vpc in self.vpcs.values()]
        database, resource, gateway = self.fixed_host("b"), self.fixed_host("c", True), self.fixed_host("c")
        scanner = self.fixed_host("c", True)
        network_id = "sn-" + hex_id(self.rng, 17)
        return Topology(
            self.vpcs,
            self.services,
            self._callers(),
            self.load_balancers,
            network_id,
            quiet,
            database,
            resource,
            gateway,
            scanner,
            resource_ids,
        )

    def _callers(self) -> dict[str, Caller]:
        def role(name: str, session: str, account: str = ACCOUNT_A) -> str:
            return f"arn:aws:sts::{account}:assumed-role/{name}/{session}"

        def job() -> str:
            return hex_id(self.rng, 32)

        def ec2() -> str:
            return "i-" + hex_id(self.rng, 17)

        fixed = self.fixed_host
        certificate = self.certificate
        partner = Certificate(
            "CN=partner-sync.example.com,O=Example Partner,C=US",
            self.start - 300 * 86400,
            self.end + 86400,
            hex_id(self.rng, 16).upper(),
        )
        callers = [
            Caller("storefront-fn", "lambda", role("storefront-fn-role", "storefront-fn"), [fixed("a"), fixed("a")]),
            Caller("mobile-fn", "lambda", role("mobile-fn-role", "mobile-fn"), [fixed("a"), fixed("a")]),
            Caller(
                "prober-fn",
                "lambda",
                role("prober-fn-role", "prober-fn"),
                [fixed("c")],
                certificate("prober.example.com", self.end + 9e6),
            ),
            Caller("month-end", "batch", role("month-end-batch", job(), ACCOUNT_B), [fixed("b")]),
            Caller("promo-job", "batch", role("promo-job", job()), [fixed("a")]),
            Caller("partner-sync", "partner", "", [fixed("c", True)], partner),
            Caller("stock-sync", "batch", role("stock-sync", job()), [fixed("a")]),
            Caller("legacy-cron", "ec2", role("legacy-cron", ec2()), [fixed("c", True)]),
            Caller("deploy-admin", "iam_user", f"arn:aws:iam::{ACCOUNT_A}:user/deploy-admin", [fixed("a", True)]),
            Caller("analytics-export", "batch", role("analytics-export", job(), ACCOUNT_B), [fixed("b")]),
        ]
        return {caller.name: caller for caller in callers}
