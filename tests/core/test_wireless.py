"""How the radios' counts follow from look to look."""

from __future__ import annotations

from uplink_exporter.facts import End, Ended, Happened, Instant, Joined, Mode, Radio, Wireless

HOME, OTHER = "02:00:00:00:01:00", "02:00:00:00:02:00"


def at(uptime: float) -> Instant:
    return Instant(uptime=uptime, boot_time=1_630_000_000.0)


def wlan0(bssid: str = HOME, *, authorized: bool = True) -> Radio:
    joined = Joined(bssid=bssid, ssid="example-net", authorized=authorized, signal=-40) if bssid else None
    return Radio(device="wlan0", mode=Mode.STATION, joined=joined)


def ended(end: End) -> Happened:
    return Happened(device="wlan0", end=end)


def joined(bssid: str) -> Happened:
    return Happened(device="wlan0", bssid=bssid)


def run(*looks: tuple[float, Wireless]) -> Wireless:
    known: Wireless | None = None
    for uptime, look in looks:
        known = look.following(known, at(uptime))
    assert known is not None
    return known


def test_an_end_is_counted_with_its_reason_and_its_time() -> None:
    known = run(
        (10.0, Wireless(radios=(wlan0(),))),
        (20.0, Wireless(radios=(wlan0(""),), happened=(ended(End.SIGNAL_LOST),))),
        (30.0, Wireless(radios=(wlan0(""),))),
    )
    assert known.ends == {("wlan0", End.SIGNAL_LOST): 1}
    assert known.last == {"wlan0": Ended(device="wlan0", at=20.0, end=End.SIGNAL_LOST)}
    assert known.roams == {}


def test_who_goes_over_to_another_access_point_roams_and_loses_nothing() -> None:
    known = run(
        (10.0, Wireless(radios=(wlan0(),))),
        (20.0, Wireless(radios=(wlan0(""),), happened=(ended(End.LOCAL),))),
        (20.3, Wireless(radios=(wlan0(OTHER),), happened=(joined(OTHER),))),
        (60.0, Wireless(radios=(wlan0(OTHER),))),
    )
    assert known.roams == {"wlan0": 1}
    assert known.ends == {}
    assert known.leaving == ()


def test_both_events_may_come_in_one_look() -> None:
    known = run(
        (10.0, Wireless(radios=(wlan0(),))),
        (20.3, Wireless(radios=(wlan0(OTHER),), happened=(ended(End.LOCAL), joined(OTHER)))),
        (60.0, Wireless(radios=(wlan0(OTHER),))),
    )
    assert (known.roams, known.ends) == ({"wlan0": 1}, {})


def test_who_comes_back_to_the_same_access_point_did_not_roam() -> None:
    known = run(
        (10.0, Wireless(radios=(wlan0(),))),
        (20.0, Wireless(radios=(wlan0(""),), happened=(ended(End.LOCAL),))),
        (20.3, Wireless(radios=(wlan0(),), happened=(joined(HOME),))),
        (60.0, Wireless(radios=(wlan0(),))),
    )
    assert (known.roams, known.ends) == ({}, {("wlan0", End.LOCAL): 1})


def test_who_left_and_joins_nobody_in_time_is_gone() -> None:
    looks = (
        (10.0, Wireless(radios=(wlan0(),))),
        (20.0, Wireless(radios=(wlan0(""),), happened=(ended(End.LOCAL),))),
        (22.5, Wireless(radios=(wlan0(""),))),
        (23.0, Wireless(radios=(wlan0(OTHER),), happened=(joined(OTHER),))),
    )
    assert run(*looks[:2]).ends == {}  # it may yet roam
    known = run(*looks)
    assert (known.roams, known.ends) == ({}, {("wlan0", End.LOCAL): 1})
    assert known.last["wlan0"].at == 20.0


def test_attempts_that_fail_count_each() -> None:
    looks = (
        (float(n), Wireless(radios=(wlan0(""),), happened=(joined(HOME), ended(End.HANDSHAKE))))
        for n in range(10, 50, 10)
    )
    assert run(*looks).ends == {("wlan0", End.HANDSHAKE): 4}


def test_the_network_that_it_was_let_into_last_stays_known() -> None:
    known = run((10.0, Wireless(radios=(wlan0(),))), (20.0, Wireless(radios=(wlan0(""),))))
    assert known.known == {"wlan0": "example-net"}
    never = run((10.0, Wireless(radios=(wlan0(authorized=False),))))
    assert never.known == {}


def test_names_that_come_and_go_do_not_pile_up() -> None:
    radios = (
        Radio(device=f"wlx{n}", mode=Mode.STATION, joined=Joined(bssid=HOME, ssid="x", authorized=True))
        for n in range(100)
    )
    known = run(*((float(n), Wireless(radios=(radio,))) for n, radio in enumerate(radios)))
    assert len(known.known) == 16
    assert "wlx99" in known.known
