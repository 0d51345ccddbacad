"""Columns of VPC Flow Logs: the 54 fields of versions 2 to 11."""

from ingest.lake.schema import Column, Type, source_table


def _text(name: str, about: str) -> Column:
    return Column(name, Type.TEXT, about, aws=name.replace("_", "-"))


def _int(name: str, about: str) -> Column:
    return Column(name, Type.INT, about, aws=name.replace("_", "-"))


VPC_FLOW = source_table(
    "vpc_flow",
    "One flow record: packets of one 5-tuple at one network interface within one aggregation interval",
    [
        _int("version", "Highest version among the format's fields"),
        _text("account_id", "Owner of the interface; 'unknown' for some AWS-made ones"),
        _text("interface_id", "Network interface"),
        _text("srcaddr", "Source; on the interface's side always its primary address"),
        _text("dstaddr", "Destination; on the interface's side always its primary address"),
        _int("srcport", "Source port"),
        _int("dstport", "Destination port"),
        _int("protocol", "IANA protocol number"),
        Column("packets", Type.LONG, "Packets in the interval", "packets", "packets"),
        Column("bytes", Type.LONG, "Bytes in the interval", "bytes", "bytes"),
        Column("start_time", Type.TIME, "First packet of the interval", aws="start"),
        Column("end_time", Type.TIME, "Last packet of the interval; up to 60 s late", aws="end"),
        _text("action", "ACCEPT or REJECT"),
        _text("log_status", "OK, NODATA or SKIPDATA"),
        _text("vpc_id", "VPC of the interface"),
        _text("subnet_id", "Subnet of the interface"),
        _text("instance_id", "Instance of the interface, where it has one"),
        _int("tcp_flags", "FIN 1, SYN 2, RST 4, SYN-ACK 18, or-ed over the interval"),
        _text("type", "IPv4, IPv6 or EFA"),
        _text("pkt_srcaddr", "Source in the packet itself: a pod's or secondary address"),
        _text("pkt_dstaddr", "Destination in the packet itself"),
        _text("region", "Region of the interface"),
        _text("az_id", "Availability zone id of the interface"),
        _text("sublocation_type", "wavelength, outpost or localzone"),
        _text("sublocation_id", "Id of that place"),
        _text("pkt_src_aws_service", "AWS service that owns the source address"),
        _text("pkt_dst_aws_service", "AWS service that owns the destination address"),
        _text("flow_direction", "ingress or egress, seen from the interface"),
        _int("traffic_path", "Egress only: 1 same VPC, 2 internet or gateway endpoint, 3 VGW, 4-5 peering, 7-8 ..."),
        _text("ecs_cluster_arn", "ECS cluster's ARN"),
        _text("ecs_cluster_name", "ECS cluster's name"),
        _text("ecs_container_instance_arn", "ECS container instance's ARN"),
        _text("ecs_container_instance_id", "ECS container instance's id"),
        _text("ecs_container_id", "Runtime id of the first container"),
        _text("ecs_second_container_id", "Runtime id of the second container"),
        _text("ecs_service_name", "ECS service's name"),
        _text("ecs_task_definition_arn", "ECS task definition's ARN"),
        _text("ecs_task_arn", "ECS task's ARN"),
        _text("ecs_task_id", "ECS task's id"),
        _text("reject_reason", "BPA (block public access) or EC (encryption control)"),
        _text("resource_id", "Regional NAT gateway, where the flow has no interface"),
        _int("encryption_status", "0 none, 1 Nitro, 2 application, 3 both"),
        _text("instance_tag", "Value of the configured instance tag, percent-encoded"),
        _text("instance_tag_2", "Value of the second instance tag"),
        _text("interface_tag", "Value of the configured interface tag"),
        _text("interface_tag_2", "Value of the second interface tag"),
        _text("asg_tag", "Value of the configured Auto Scaling group tag"),
        _text("asg_tag_2", "Value of the second Auto Scaling group tag"),
        _text("interface_type", "nat_gateway, network_load_balancer, transit_gateway, vpc_endpoint, ..."),
        _text("next_hop_interface_id", "Interface of the next hop"),
        _text("next_hop_subnet_id", "Subnet of the next hop"),
        _text("next_hop_az_id", "Availability zone id of the next hop"),
        _text("next_hop_vpc_id", "VPC of the next hop"),
        _text("next_hop_interface_type", "Kind of the next hop's interface"),
    ],
    time="start_time",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html",
    many_valued=("srcport", "dstport", "bytes"),
)
