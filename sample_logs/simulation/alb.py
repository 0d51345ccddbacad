"""ALB access lines (36 tokens, as of September 2026) and connection lines (15 tokens)."""

from __future__ import annotations

from datetime import UTC, datetime

from .topology import Certificate, LoadBalancer


def micros(at: float) -> str:
    """ISO-8601 with microseconds and Z."""
    return datetime.fromtimestamp(round(at * 1e6) / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def access_line(
    lb: LoadBalancer,
    *,
    created: float,
    done: float,
    client: str,
    target: str,
    times: tuple[str, str, str],
    status: int,
    target_status: str,
    octets: tuple[int, int],
    method: str,
    host: str,
    path: str,
    agent: str,
    group: str,
    trace_id: str,
    priority: int,
    conn_trace_id: str,
    node: str,
) -> str:
    """One line; `times`: request, target and response processing in seconds as printed; `client`, `target`: ip:port."""
    created_ms = int(created * 1000) / 1000
    bracketed = f"[{host}]" if ":" in host else host
    return (
        f"https {micros(done)} {lb.elb} {client} {target} {times[0]} {times[1]} {times[2]} "
        f"{status} {target_status} {octets[0]} {octets[1]} "
        f'"{method} https://{bracketed}:443{path} HTTP/1.1" "{agent}" TLS_AES_128_GCM_SHA256 TLSv1.3 {group} '
        f'"{trace_id}" "{host}" "{lb.certificate_arn}" {priority} {micros(created_ms)} "forward" "-" "-" '
        f'"{target}" "{target_status}" "-" "-" '
        f'{conn_trace_id} "-" "-" "-" {node} "-" "-"'
    )


def connection_line(
    lb: LoadBalancer,
    *,
    at: float,
    client_ip: str,
    client_port: int,
    latency: float,
    certificate: Certificate | None,
    verify: str,
    conn_trace_id: str,
    node: str,
) -> str:
    """One line per TLS connection; `latency` of the handshake in seconds; `verify`: Success or Failed:<code>."""
    subject, validity, serial = "-", "-", "-"
    if certificate is not None:
        subject, serial = certificate.subject, certificate.serial
        validity = f"NotBefore={_second(certificate.not_before)};NotAfter={_second(certificate.not_after)}"
    shown = f"{latency:.3f}" if verify == "Success" else "-"
    return (
        f"{micros(at)} {client_ip} {client_port} 443 TLSv1.3 TLS_AES_128_GCM_SHA256 {shown} "
        f'"{subject}" {validity} {serial} {verify} {conn_trace_id} x25519 {lb.elb} {node}'
    )


def _second(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
