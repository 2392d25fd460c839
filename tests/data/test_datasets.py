"""Where the demo's rows come from: the order of sources, the download and its dangers, the
simulated station.
"""

import hashlib
import http.server
import io
import socket
import threading
import time
import zipfile

import numpy as np
import pytest
from tables import TASK_A

from tinygen.common.errors import WRONG_USE, DataError
from tinygen.data import load_table, prepare
from tinygen.data import sources as datasets
from tinygen.data.simulated import station
from tinygen.data.sources import FILE_NAME, Source, find

CONTENT = b"a,b\n1,2\n3,4\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def zipped(content=CONTENT, name=FILE_NAME):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(name, content)
    return archive.getvalue()


@pytest.fixture
def serve():
    """`serve(content, status)` -> URL of a local server that answers every request with them."""
    servers = []

    def start(content, status=200, pause_s=0.0):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for i in range(0, len(content), 65536) if not pause_s else range(len(content)):
                    self.wfile.write(content[i : i + 65536] if not pause_s else content[i : i + 1])
                    time.sleep(pause_s)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/air+quality.zip"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache, no $TINYGEN_DATA, CONTENT in the role of the published file, and nobody at
    its address.
    """
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.setattr(datasets, "SHA256", DIGEST)
    monkeypatch.setattr(datasets, "download", offline)
    return tmp_path


def offline():
    raise DataError("the archive could not be had (no network)")


def put(folder, content=CONTENT):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_bytes(content)
    return folder / FILE_NAME


def one_line(source: Source, *parts):
    assert source.line.startswith("data: ") and source.line.isprintable()
    for part in parts:
        assert part in source.line
    return source


# ---------------------------------------------------------------------------------------- the order


def test_sources_are_taken_in_their_order(place, monkeypatch):
    given, named, cached = put(place / "given"), put(place / "named"), put(place / "cache")
    monkeypatch.setenv("TINYGEN_DATA", str(named.parent))
    assert one_line(find(given), str(given), "the UCI air-quality file").kind == "file"
    assert find(given.parent).data == given
    source = one_line(find(), str(named), "$TINYGEN_DATA")
    assert (source.data, source.kind) == (named, "environment")
    monkeypatch.setenv("TINYGEN_DATA", str(named))
    assert find().data == named
    monkeypatch.delenv("TINYGEN_DATA")
    source = one_line(find(), str(cached), "from the cache")
    assert (source.data, source.kind) == (cached, "cache")
    cached.unlink()
    assert find().kind == "simulated"
    monkeypatch.setattr(datasets, "download", lambda: CONTENT)
    source = one_line(find(), "archive.ics.uci.edu", str(cached))
    assert (source.data, source.kind) == (cached, "download") and cached.read_bytes() == CONTENT
    assert find().kind == "cache" and source.is_real


def test_a_file_of_ones_own_is_called_so(place):
    own = put(place / "own", b"x,y\n1,2\n")
    assert one_line(find(own), "a file of your own").table().names == ("x", "y")


def test_a_given_file_that_is_not_there_is_an_error(place):
    put(place / "cache")
    for path in (place / "absent.csv", place):
        with pytest.raises(DataError, match="does not exist: give a CSV file") as caught:
            find(path)
        assert caught.value.exit_code == WRONG_USE


def test_a_wrong_variable_is_passed_over_and_said(place, monkeypatch):
    put(place / "cache")
    for value in (place / "absent", place):
        monkeypatch.setenv("TINYGEN_DATA", str(value))
        assert one_line(find(), f"nothing at $TINYGEN_DATA {value}").kind == "cache"


def test_a_damaged_cache_is_replaced(place, monkeypatch):
    cached = put(place / "cache", CONTENT[:-1])
    assert find().kind == "simulated"
    monkeypatch.setattr(datasets, "download", lambda: CONTENT)
    assert find().kind == "download" and cached.read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_costs_only_the_keeping(place, monkeypatch):
    (place / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(datasets, "download", lambda: CONTENT)
    source = one_line(find(), "not kept")
    assert source.data == CONTENT and source.table().rows_read == 2


def test_a_failed_write_leaves_no_file(place, monkeypatch):
    cached = put(place / "cache", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.os, "replace", full)
    assert not datasets._store(cached, CONTENT)
    assert [p.name for p in cached.parent.iterdir()] == [
        FILE_NAME
    ] and cached.read_bytes() == b"old"


def test_progress_is_told_before_the_download_only(place):
    told = []
    find(progress=told.append)
    assert len(told) == 1 and told[0].startswith("downloading https://archive.ics.uci.edu")
    put(place / "cache")
    find(progress=told.append)
    assert len(told) == 1


def test_the_simulated_station_is_announced(place):
    source = one_line(
        find(),
        "SIMULATED roadside station, not measurements",
        "no network",
        FILE_NAME,
        "--data FILE",
    )
    rows = source.table()
    assert (
        not source.is_real and rows.path_name == "simulated_station.csv" and rows.rows_read == 9357
    )


# ------------------------------------------------------------------------------------ the download


def test_download_takes_the_file_out_of_the_archive(serve):
    assert datasets.download(serve(zipped()), DIGEST) == CONTENT


@pytest.mark.parametrize(
    "content, status, reason",
    [
        (zipped(CONTENT + b"5,6\n"), 200, "holds another AirQualityUCI.csv than the published one"),
        (zipped(name="other.csv"), 200, "no item named"),
        (zipped()[:-30], 200, "not a zip file"),
        (b"<html>log in to this hotel's network</html>", 200, "not a zip file"),
        (b"", 404, "Not Found"),
        (zipped(b"0" * 30_000_000), 200, "more than 20000000 bytes in AirQualityUCI.csv"),
        (b"0" * 21_000_000, 200, "more than 20000000 bytes"),
    ],
    ids=["another file", "another name", "cut off", "a web page", "404", "zip bomb", "huge"],
)
def test_download_refuses_what_is_not_the_file(serve, content, status, reason):
    with pytest.raises(DataError, match=reason) as caught:
        datasets.download(serve(content, status), DIGEST)
    assert "\n" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_a_refused_download_keeps_no_connection(serve):
    """The error is kept on purpose: its cause must not hold the socket."""
    with pytest.raises(DataError, match="Not Found") as caught:
        datasets.download(serve(b"", 404), DIGEST)
    assert caught.value.__cause__.fp.closed


def test_download_is_over_in_time(serve):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        dripping = serve(zipped(), pause_s=0.05)
        for url in (f"http://127.0.0.1:{silent.getsockname()[1]}/", dripping):
            start = time.monotonic()
            with pytest.raises(DataError, match=r"no answer in 0.3 s"):
                datasets.download(url, DIGEST, total_timeout_s=0.3)
            assert time.monotonic() - start < 2.0


def test_download_from_nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="refused"):
        datasets.download(f"http://127.0.0.1:{port}/", DIGEST)


def test_the_published_file_is_the_one_we_name(air_quality):
    assert hashlib.sha256(air_quality.read_bytes()).hexdigest() == datasets.SHA256
    assert one_line(find(air_quality), "the UCI air-quality file").is_real


# ------------------------------------------------------------------------------ the simulated
# station


@pytest.fixture(scope="module")
def simulated():
    return Source(station.simulate(), "simulated", "").table()


def test_the_station_is_seeded(simulated):
    assert station.simulate(1) == station.simulate(1) != station.simulate(2)
    assert hashlib.sha256(station.simulate()).hexdigest() == simulated.sha256


def test_the_station_has_the_form_of_the_real_file(simulated, air_quality):
    real = load_table(air_quality)
    assert (simulated.names, simulated.units, simulated.decimals) == (
        real.names,
        real.units,
        real.decimals,
    )
    assert (simulated.rows_read, simulated.unnamed) == (real.rows_read, 0)
    assert np.array_equal(simulated.time, real.time)
    lines = [content.split(b"\r\n") for content in (station.simulate(), air_quality.read_bytes())]
    assert (
        lines[0][0] == lines[1][0]
        and lines[0][1][:20] == lines[1][1][:20]
        and lines[0][1].endswith(b";;")
    )


def correlation(table, one, other):
    values = np.column_stack([table.columns[one], table.columns[other]])
    return np.corrcoef(values[~np.isnan(values).any(axis=1)].T)[0, 1]


def test_the_station_is_plausible(simulated):
    column = simulated.columns
    ranges = {
        "CO(GT)": (0, 25),
        "C6H6(GT)": (0, 150),
        "NOx(GT)": (2, 3200),
        "NO2(GT)": (2, 900),
        "T": (-10, 45),
        "RH": (5, 93),
        "AH": (0.1, 3.5),
    } | {name: (100, 6000) for name in column if name.startswith("PT08")}
    for name, (low, high) in ranges.items():
        assert low <= np.nanmin(column[name]) and np.nanmax(column[name]) <= high, name
    assert correlation(simulated, "C6H6(GT)", "PT08.S2(NMHC)") > 0.95
    assert correlation(simulated, "C6H6(GT)", "PT08.S3(NOx)") < -0.6
    assert (
        0.05 < np.nanmean(column["C6H6(GT)"] > 15.0) < 0.35
    )  # the demo's alarm is neither rare nor usual
    saturation = 0.6112 * np.exp(17.62 * column["T"] / (243.12 + column["T"]))
    humid = column["AH"] / (column["RH"] / 100.0 * saturation)  # AH follows from T and RH
    assert np.nanmax(np.abs(humid - 1.0)) < 0.03


def test_the_station_has_cycles_and_drift(simulated):
    benzene, response = simulated.columns["C6H6(GT)"], simulated.columns["PT08.S4(NO2)"]
    hour = simulated.time.astype("datetime64[h]").astype(int) % 24
    assert np.nanmean(benzene[hour == 19]) > 2 * np.nanmean(benzene[hour == 3])
    month = simulated.time.astype("datetime64[M]").astype(int) % 12
    temperature = simulated.columns["T"]
    assert np.nanmean(temperature[month == 6]) > np.nanmean(temperature[month == 0]) + 12
    like = (benzene > 5) & (benzene < 8) & (temperature > 10) & (temperature < 20)
    early, late = like & (np.arange(9357) < 2000), like & (np.arange(9357) > 7300)
    assert np.median(response[late]) < 0.85 * np.median(
        response[early]
    )  # the same air, a weaker answer


def test_the_station_loses_values_as_stations_do(simulated):
    absent = {
        name: np.isnan(values)
        for name, values in simulated.columns.items()
        if name not in ("Date", "Time")
    }
    box = absent["T"]
    assert 150 < box.sum() < 900 and all(
        (absent[n] == box).all()
        for n in absent
        if n.startswith("PT08") or n in ("RH", "AH", "C6H6(GT)")
    )
    for name in ("CO(GT)", "NOx(GT)", "NO2(GT)"):
        assert 700 < absent[name].sum() < 2500 and (absent[name] != box).any()
    assert absent["NMHC(GT)"].sum() > 8000
    assert not any(
        np.nanmin(values) == station.MISSING_CODE
        for name, values in simulated.columns.items()
        if name in absent
    )


def test_the_station_serves_the_demos_task(simulated):
    dataset = prepare(simulated, "C6H6(GT)", TASK_A)
    assert len(dataset.x) > 6500 and len(dataset.test) == round(0.2 * len(dataset.x))
    assert [q.scale for q in dataset.inputs] == [0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.0001]
