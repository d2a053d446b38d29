"""Networks made by hand, and any network at all."""

from __future__ import annotations

from hypothesis import strategies as st

from uplink_exporter.facts import Address, Family, Link, Network, NextHop, Operstate, Route, RouteType


def link(index: int, name: str, mtu: int = 1500) -> Link:
    return Link(index=index, name=name, operstate=Operstate.UP, admin_up=True, carrier=True, mtu=mtu)


def address(index: int, text: str, flags: int = Address.PERMANENT) -> Address:
    family = Family.IPV6 if ":" in text else Family.IPV4
    return Address(index=index, family=family, address=text, prefix_length=24, flags=flags)


def default(index: int, family: Family = Family.IPV4) -> Route:
    return Route(family=family, next_hops=(NextHop(index=index, gateway="192.0.2.1"),))


LINKS = (link(1, "lo"), link(2, "eth0"), link(3, "wlan0"))

# What a kernel could say, and what none would.
texts = st.sampled_from(["", "lo", "eth0", "10.1.0.5", "fd01::5", "::ffff:10.1.0.5", "bogus", "(", "^10"]) | st.text()
indexes = st.integers(0, 4)
families = st.sampled_from(Family)
networks = st.builds(
    Network,
    links=st.lists(st.builds(link, indexes, texts, st.sampled_from([0, 1500]))).map(tuple),
    addresses=st.lists(
        st.builds(
            Address,
            index=indexes,
            family=families,
            address=texts,
            prefix_length=st.just(24),
            flags=st.integers(0, 0xFF),
        )
    ).map(tuple),
    routes=st.lists(
        st.builds(
            Route,
            family=families,
            next_hops=st.lists(st.builds(NextHop, index=indexes, gateway=texts), max_size=2).map(tuple),
            prefix_length=st.sampled_from([0, 0, 0, 1]),
            type=st.sampled_from(RouteType),
            nested=st.booleans(),
        )
    ).map(tuple),
)
