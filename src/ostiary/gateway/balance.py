"""
The targets behind an upstream, their addresses, and who is next.

A balancer is the one thing in a snapshot that changes while it is used: it counts, and it hears
of names, health and load. What it knows of addresses that stay goes on in the next balancer.

Spec: gateway §3.10 (load balancing), §3.11 (threshold).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from ostiary.gateway.balance_ways import Address, Ring, Way, build_way
from ostiary.gateway.decision import KeyPair, Target
from ostiary.gateway.health import Failure, Rules, Vitals, build_rules, is_checked
from ostiary.http.url import split_host
from ostiary.model.balancing import Target as TargetRow
from ostiary.model.balancing import Upstream, upstream_key
from ostiary.model.certificates import Certificate
from ostiary.model.fields import is_ip

UNKNOWN = "unknown"
# Templates come and go with plans; an address remembers what it made of the last few.
_MAX_MADE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """
    A target: one address with a port, or a name that somebody must be asked for.

    `dns` is how a name was resolved, or why not.
    """

    name: str
    port: int
    weight: int
    is_name: bool
    dns: str = UNKNOWN
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new health: of one address, or of all that a target has."""

    upstream: str
    host: str
    port: int
    ip: str | None
    healthy: bool


def _record_type(ip: str) -> str:
    return "AAAA" if ":" in ip else "A"


def _ignore(_: Change) -> None:
    pass


class Balancer:
    """
    Chooses for one upstream. `report` hears of every change of health that was found here.

    `targets` are the rows that it was made from; `shown` is the certificate that probes show.
    """

    def __init__(
        self,
        upstream: Upstream,
        targets: Sequence[TargetRow],
        hosts: Sequence[Host],
        random: Random,
        shown: KeyPair | None = None,
    ) -> None:
        self.upstream = upstream
        self.targets = tuple(targets)
        self.hosts = tuple(hosts)
        self.shown = shown
        self.is_checked = is_checked(upstream)
        self.report: Callable[[Change], None] = _ignore
        self.passive = build_rules(upstream.healthchecks.passive)
        self.active = build_rules(upstream.healthchecks.active)
        self.total = self.available = 0
        self.is_healthy = False
        self._random = random
        self._hosts_of: Mapping[Address, Host] = {}
        self._way: Way
        self._arrange()

    @property
    def key(self) -> str:
        """What other processes call it."""
        return self.upstream.id or ""

    @property
    def names(self) -> frozenset[str]:
        """The names whose addresses must be asked for."""
        return frozenset(host.name for host in self.hosts if host.is_name)

    @property
    def is_keyed(self) -> bool:
        """Whether it matters what of a request is hashed."""
        return isinstance(self._way, Ring)

    def choose(
        self, key: str | None = None, tried: Collection[Address] = ()
    ) -> Address | None:
        """The next address; None when too few are healthy."""
        return self._way.choose(key, tried) if self.is_healthy else None

    def resolve(self, name: str, ips: Iterable[str], failure: str = UNKNOWN) -> None:
        """
        Take the addresses of a name; those that stay keep what is known of them.

        As in Kong each has the whole weight of the target. IPv6 counts where there is no other.
        With none, `failure` says why.
        """
        found = sorted({*ips})
        chosen = [ip for ip in found if ":" not in ip] or found
        hosts = tuple(
            _resolved(host, chosen, failure, keeps_health=self.is_checked)
            if host.name == name
            else host
            for host in self.hosts
        )
        same = [h.addresses for h in hosts] == [h.addresses for h in self.hosts]
        self.hosts = hosts
        if not same:
            self._arrange()

    def note_status(self, address: Address, status: int, rules: Rules) -> None:
        """Count a reply."""
        if self.is_checked and rules.judge_status(address.vitals, status):
            self._tell(address)

    def note_failure(self, address: Address, failure: Failure, rules: Rules) -> None:
        """Count a failure."""
        if self.is_checked and rules.judge_failure(address.vitals, failure):
            self._tell(address)

    def note_success(self, address: Address, rules: Rules) -> None:
        """Count a connection that was accepted."""
        if self.is_checked and rules.judge_success(address.vitals):
            self._tell(address)

    def apply(self, change: Change) -> None:
        """Take a health that others have found or decreed. Without checks there is none."""
        if not self.is_checked:
            return
        for host in self.hosts:
            if (host.name, host.port) == (change.host, change.port):
                for address in host.addresses:
                    if change.ip in {None, address.ip}:
                        address.vitals.decree(healthy=change.healthy)
        self.heed()

    def heed(self) -> None:
        """Look again at who is healthy: what is known of addresses is shared with others."""
        self._way.heard()
        self._weigh()

    def _tell(self, address: Address) -> None:
        self.heed()
        host = self._hosts_of.get(address)
        if host is not None:  # else it is an address of yesterday
            self.report(
                Change(
                    upstream=self.key,
                    host=host.name,
                    port=host.port,
                    ip=address.ip,
                    healthy=address.vitals.is_healthy,
                )
            )

    def _arrange(self) -> None:
        upstream = self.upstream
        algorithm = upstream.algorithm
        if algorithm == "round-robin" and upstream.hash_on != "none":
            algorithm = "consistent-hashing"  # as Kong reads what names no algorithm
        self._hosts_of = {a: host for host in self.hosts for a in host.addresses}
        self._way = build_way(
            algorithm,
            tuple(self._hosts_of),
            slots=upstream.slots,
            random=self._random,
        )
        self._weigh()

    def _weigh(self) -> None:
        """Decide whether enough is healthy. All of it is, whatever the threshold."""
        weights = [(a.weight, a.vitals.is_healthy) for a in self._hosts_of]
        self.total = sum(weight for weight, _ in weights)
        self.available = sum(weight for weight, healthy in weights if healthy)
        share = 100 * self.available / self.total if self.total else 0
        self.is_healthy = share > min(self.upstream.healthchecks.threshold, 99.999)


def _resolved(
    host: Host, ips: Sequence[str], failure: str, *, keeps_health: bool
) -> Host:
    known = {address.ip: address for address in host.addresses}
    return replace(
        host,
        dns=_record_type(ips[0]) if ips else failure,
        addresses=tuple(
            _address(host, ip, known.get(ip), keeps_health=keeps_health) for ip in ips
        ),
    )


def _address(
    host: Host, ip: str, known: Address | None, *, keeps_health: bool
) -> Address:
    if known is None:
        return Address(name=host.name, ip=ip, port=host.port, weight=host.weight)
    if known.weight == host.weight and (keeps_health or known.vitals.is_healthy):
        return known
    return Address(
        name=host.name,
        ip=ip,
        port=host.port,
        weight=host.weight,
        vitals=known.vitals if keeps_health else Vitals(),
        load=known.load,
    )


def build_balancer(
    upstream: Upstream,
    targets: Sequence[TargetRow],
    previous: Balancer | None = None,
    *,
    seed: int = 0,
    shown: KeyPair | None = None,
) -> Balancer:
    """
    The balancer of an upstream and its targets.

    The one before is the result where it was made from the same rows; else its addresses, their
    health and their load go on.

    Args:
        seed: Another for each worker, so that they do not begin with the same targets.
        shown: The upstream's client certificate.
    """
    if (
        previous is not None
        and previous.upstream is upstream
        and previous.shown == shown
        and len(previous.targets) == len(targets)
        and all(a is b for a, b in zip(previous.targets, targets, strict=True))
    ):
        return previous
    checked = is_checked(upstream)
    known = {} if previous is None else {(h.name, h.port): h for h in previous.hosts}
    hosts = [_build_host(row, known, keeps_health=checked) for row in targets]
    # It spreads load: nobody gains from guessing it.
    random = Random(f"{seed} {upstream.name}")  # noqa: S311
    made = Balancer(upstream, targets, hosts, random, shown)
    if previous is not None:
        made.report = previous.report
    return made


def build_balancers(
    upstreams: Iterable[Upstream],
    targets: Iterable[TargetRow],
    certificates: Mapping[str, Certificate],
    previous: Mapping[str, Balancer],
    *,
    seed: int = 0,
) -> Mapping[str, Balancer]:
    """
    The balancers of a configuration by `upstream_key`, as a snapshot has them.

    Args:
        certificates: By id; `client_certificate` names one of them.
        seed: As for `build_balancer`.
    """
    rows: dict[str, list[TargetRow]] = {}
    for row in targets:
        rows.setdefault(row.upstream, []).append(row)
    found = {}
    for upstream in upstreams:
        key = upstream_key(upstream.ws_id, upstream.name)
        shown = certificates.get(upstream.client_certificate or "")
        found[key] = build_balancer(
            upstream,
            sorted(rows.get(upstream.id or "", ()), key=lambda row: row.target),
            previous.get(key),
            seed=seed,
            shown=None if shown is None else KeyPair(cert=shown.cert, key=shown.key),
        )
    return found


def _build_host(
    row: TargetRow, known: Mapping[tuple[str, int], Host], *, keeps_health: bool
) -> Host:
    found, port = split_host(row.target)
    name, port = found.strip("[]"), port or 8000
    is_name = not is_ip(name)
    before = known.get((name, port))
    host = Host(
        name=name,
        port=port,
        weight=row.weight,
        is_name=is_name,
        dns=UNKNOWN if before is None else before.dns,
        addresses=() if before is None else before.addresses,
    )
    ips = [a.ip for a in host.addresses] if is_name else [name]
    return _resolved(host, ips, host.dns, keeps_health=keeps_health)


def build_target(balancer: Balancer, address: Address, template: Target) -> Target:
    """
    The target at an address for a service that speaks as the template says.

    The name that TLS asks for is the one that the target hears as its Host.
    """
    found = address.made.get(id(template))
    if found is not None and found[0] is template:
        return found[1]
    header = balancer.upstream.host_header
    name = address.name if header is None else split_host(header)[0].strip("[]")
    made = replace(
        template,
        host=address.ip,
        port=address.port,
        tls=None if template.tls is None else replace(template.tls, server_name=name),
    )
    if len(address.made) >= _MAX_MADE:
        address.made.clear()
    address.made[id(template)] = (template, made)
    return made


def build_host(upstream: Upstream, address: Address, *, secure: bool) -> bytes:
    """What a target hears as its Host: as in Kong, with its port where that is unusual."""
    header = upstream.host_header
    if header is not None and split_host(header)[1] is not None:
        return header.encode("ascii")
    name = header or (f"[{address.name}]" if ":" in address.name else address.name)
    usual = 443 if secure else 80
    return (name if address.port == usual else f"{name}:{address.port}").encode("ascii")
