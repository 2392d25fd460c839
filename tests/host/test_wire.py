"""The serial wire against a slow oracle that steps through the waveform in small steps."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tinygen.host.virtual.wire import Receiver, Wire


def send(values, bit, start=0.0):
    wire = Wire()
    for value in values:
        wire.send(value, start, bit)
    return wire


def receive(wire, bit):
    receiver, received = Receiver(wire), []
    while (due := receiver.due(bit)) is not None:
        received.append(receiver.take(due, bit))
    return received


def oracle(values, sender_bit, receiver_bit, steps=32):
    """(value, framing error) of each byte, by walking along the line in steps of 1/32 of the
    shorter bit.
    """
    bits = [level for value in values for level in (0, *(value >> i & 1 for i in range(8)), 1)]

    def level(at):
        index = int(at // sender_bit)
        return bits[index] if index < len(bits) else 1

    step = min(sender_bit, receiver_bit) / steps
    at, before, seen = 0.0, 1, []
    while at < len(bits) * sender_bit:
        now = level(at + step * 1e-6)  # just behind the edge
        if before == 1 and now == 0:
            sampled = [level(at + (i + 0.5) * receiver_bit) for i in range(10)]
            seen.append((sum(b << i for i, b in enumerate(sampled[1:9])), not sampled[9]))
            at += 9.5 * receiver_bit
            at = -(-at // step) * step
            before = level(at - step * 0.5)
        else:
            at, before = at + step, now
    return seen


@given(st.lists(st.integers(0, 255), max_size=20), st.floats(0.955, 1.045), st.floats(16, 3333))
def test_bytes_come_through_when_the_rates_agree_within_four_and_a_half_percent(values, ratio, bit):
    received = receive(send(values, bit), bit * ratio)
    assert [r.value for r in received] == values
    assert not any(r.framing_error for r in received)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=6), st.sampled_from((0.5, 2.0, 0.25, 4.0))
)
def test_other_rates_give_what_a_receiver_samples(values, ratio):
    received = receive(send(values, 128.0), 128.0 * ratio)
    assert [(r.value, r.framing_error) for r in received] == oracle(values, 128.0, 128.0 * ratio)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=6), st.floats(0.955, 1.045))
def test_the_short_cut_equals_the_samples(values, ratio):
    wire = send(values, 100.0)
    for start in [frame.start for frame in wire.frames]:
        samples = [wire.level(start + (index + 0.5) * 100.0 * ratio) for index in range(10)]
        assert (
            sum(bit << index for index, bit in enumerate(samples[1:9]))
            == values[round(start / 1000)]
        )
        assert (samples[0], samples[9]) == (0, 1)


def test_five_percent_off_is_not_promised_and_six_fails():
    values = [0x55, 0x00, 0xFF, 0xA5] * 10
    assert [r.value for r in receive(send(values, 100.0), 106.0)] != values
    assert [r.value for r in receive(send(values, 100.0), 94.0)] != values


def test_times():
    wire = Wire()
    wire.send(1, 1000.0, 100.0)
    wire.send(2, 1000.0, 100.0)
    wire.send(3, 5000.0, 100.0)
    assert [(r.edge, r.at) for r in receive(wire, 100.0)] == [
        (1000, 1950),
        (2000, 2950),
        (5000, 5950),
    ]


def test_clear_keeps_the_byte_that_is_on_the_wire():
    wire = send([1, 2, 3], 100.0)
    wire.clear(500.0)
    assert [frame.value for frame in wire.frames] == [1] and wire.free_at == 1000.0
    wire.clear(1200.0)
    assert wire.send(9, 1200.0, 100.0).start == 1200.0
