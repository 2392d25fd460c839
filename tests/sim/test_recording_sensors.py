"""Recordings of a sensor on the I2C bus of the virtual board: every sample right, or told."""

import random

import pytest
from recording import compile_recorder, noise
from sketch_project import write_project
from tinygen.host.link import open_link
from tinygen.host.recorder.recording import record
from tinygen.host.recorder.timing import TICK_CYCLES, timing
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.sensors.devices import Mpu6050

from tinygen.commands._record_plain import Wanted, record_plain
from tinygen.commands.record import record as run_command
from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError
from tinygen.common.sensors import find_channels
from tinygen.target.avr_gcc import compile_project

UNO = BOARDS["uno"]
MPU6050 = find_channels("mpu6050", UNO)
TWI_VECTOR = 24  # ATmega328P


@pytest.fixture(scope="module")
def elf(simavr, tmp_path_factory):
    return compile_recorder(tmp_path_factory.mktemp("sensor"), "uno", "mpu6050", {})


class Run:
    """A recording of a simulated MPU-6050 that measures noise over its whole range."""

    def __init__(self, elf, rate_hz, samples, prepare=lambda sim, device: None, fault=None):
        rng, self.true, self.rows = random.Random(5), [], []

        def feed(cycle):
            self.true.append(tuple(rng.randrange(-32768, 32768) for _ in range(6)))
            return self.true[-1]

        self.device = Mpu6050(feed=feed)
        plan = timing(rate_hz, MPU6050, UNO)
        with open_link(avr_url("uno", elf), MPU6050, UNO) as link:
            sim = link.port.board
            sim.bus.devices.append(self.device)
            prepare(sim, self.device)
            sim.fault = fault
            self.got = record(link, 6, plan, samples, self._row)
            sim.fault = None
            self.stack_free = link.status().stack_free_bytes
        first = self.device.cycles[0]
        self.late = [c - first - k * plan.cycles for k, c in enumerate(self.device.cycles)]

    def _row(self, number, values):
        self.rows.append((number, values))

    @property
    def wrong(self):
        """Samples that are not what the sensor measured; its lowest value is cut by one."""
        true = [tuple(max(value, -32767) for value in row) for row in self.true]
        return [k for k, values in self.rows if values is not None and values != true[k]]


@pytest.mark.parametrize("rate_hz", [100, 1000])
def test_every_sample_is_what_the_sensor_measured(elf, rate_hz):
    run = Run(elf, rate_hz, rate_hz // 2, fault=noise(1e-3))
    assert [number for number, _ in run.rows] == list(range(rate_hz // 2))
    assert (run.wrong, run.got.lost_samples) == ([], 0)
    assert run.stack_free > 250
    # read by an interrupt; others hold up its beginning, which the board tells, and the reading
    late_ticks = (max(run.late) - min(run.late)) / TICK_CYCLES
    assert 0 < run.got.jitter_ticks < 40 and late_ticks < run.got.jitter_ticks + 16


def test_a_sensor_that_falls_off_the_bus_is_told_sample_by_sample(elf):
    def pull(sim, device):
        begin = device.begin
        device.begin = lambda reading, cycle: begin(reading, cycle) and len(device.cycles) < 20

    run = Run(elf, 100, 40, pull)
    gone = [number for number, values in run.rows if values is None]
    assert run.wrong == [] and gone == list(range(19, 40))
    assert run.got.missing == ((19, 21),) and run.got.failure == ""


def remove(sim, device):
    sim.bus.devices.clear()


def replace(sim, device):
    device.registers[0x75] = 0x12


def hold(sim, device):
    """Nothing is ever over on the bus."""
    core = sim._core
    clear = lambda flag: (
        flag and sim.write_memory(0xBC, bytes([sim.read_memory(0xBC, 1)[0] & 0x7F]))
    )
    core.listen(core.flag_irq(TWI_VECTOR), core.listener(clear))


@pytest.mark.parametrize(
    "what, message",
    [
        (remove, "nothing answers at its address"),
        (replace, "another device answers at its address"),
        (hold, "the I2C bus is stuck"),
    ],
)
def test_a_sensor_that_cannot_be_read_is_one_line(elf, what, message):
    with pytest.raises(LinkError, match=message):
        Run(elf, 100, 10, what)


def test_an_adxl345_is_recorded_as_it_is_played(simavr, tmp_path):
    rows = [(k * 97 % 8191 - 4095, 4095 - k, -k) for k in range(40)]
    text = [f"{k / 400:.4f},{x},{y},{z}\n" for k, (x, y, z) in enumerate(rows)]
    (tmp_path / "played.csv").write_text("t [s],ax,ay,az\n" + "".join(text))
    wanted = Wanted("sim", "adxl345", 400, played=tmp_path / "played.csv")
    lines = run_command(wanted, tmp_path).path.read_text().splitlines()
    assert lines[0] == "t [s],ax [1/256 g],ay [1/256 g],az [1/256 g]"
    assert [tuple(map(int, line.split(",")[1:])) for line in lines[1:]] == rows


SKETCH = """
#include <Arduino.h>
void setup() { Serial.begin(115200); Serial.println("millis,left,right"); }
void loop() {
  static int k;
  Serial.print(millis()); Serial.print(','); Serial.print(k); Serial.print(',');
  Serial.println(-k++);
  delay(10);
}
"""


def test_a_sketch_that_prints_numbers(simavr, tmp_path):
    """The board's own program: nothing of ours is loaded."""
    project = write_project(tmp_path / "sketch", SKETCH)
    (elf,) = compile_project(project.directory, UNO, simavr, lambda words: None, ("",))
    wanted = Wanted(avr_url("uno", elf), seconds=1, label="mine")
    recorded = record_plain(wanted, tmp_path / "rec")
    assert recorded.columns == ("left", "right") and recorded.exit_code == 0
    rows = [line.split(",") for line in recorded.path.read_text().splitlines()[1:]]
    assert [(row[1], row[2]) for row in rows] == [(str(k), str(-k)) for k in range(len(rows))]
    assert float(rows[-1][0]) >= 1.0 > float(rows[-2][0]) and 80 < len(rows) < 101
