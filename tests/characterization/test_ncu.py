"""Nsight Compute: names that exist, the format it writes, what its numbers come to."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path

import pytest

from aibench.characterization import ncu
from aibench.characterization.ncu_csv import Launch, NcuError, read_launches, refuse_failure
from aibench.characterization.ncu_metrics import (
    ABSENT,
    DURATION,
    LOAD_SECTORS,
    LOADED,
    STALLS,
    STORE_SECTORS,
    STORED,
    WEIGHTED,
    metric_names,
    stall_metric,
)
from aibench.characterization.ncu_totals import totals
from tests.cupti import Host, NoCuptiError, library

REAL = Path(__file__).with_name("ncu_h200.csv")
REAL = Path(__file__).with_name("ncu_h200.csv")
OCCUPANCY, IPC, DRAM = WEIGHTED.values()
HEAD = '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size"'
COLUMNS = (DURATION, OCCUPANCY, IPC, DRAM, LOADED, LOAD_SECTORS, STORED, STORE_SECTORS)
UNITS = ("ns", "%", "%", "%", "byte", "sector", "byte", "sector")
MESSAGES = (
    "==PROF== Connected to process 4711 (/usr/bin/python3.11)",
    '==PROF== Profiling "gemm" - 0: 0%....50%....100% - 2 passes',
    "==PROF== Disconnected from process 4711",
)
GEMM = "void cutlass::Kernel2<cutlass_80_simt_sgemm_256x128_8x4_nn_align1>(T1::Params)"
ADD = "void at::native::vectorized_elementwise_kernel<4, CUDAFunctor_add<float>, std::array<char *, 3>>(int, T2, T3)"


def row(number: int, kernel: str, *values: str) -> str:
    fields = (number, 4711, "python3.11", "127.0.0.1", kernel, 1, 7, "(256, 1, 1)", "(16, 4, 1)", *values)
    return ",".join(f'"{field}"' for field in fields)


def document(*rows: str, columns: tuple[str, ...] = COLUMNS, units: tuple[str, ...] = UNITS) -> str:
    header = ",".join([HEAD, *(f'"{name}"' for name in columns)])
    second = ",".join(f'"{unit}"' for unit in ("",) * 9 + units)
    return "\n".join([*MESSAGES, header, second, *rows]) + "\n"


ROWS = (
    row(0, GEMM, "3,000", "50.00", "40", "20", "64,000", "2,000", "1,000", "50"),
    row(1, ADD, "1,000", "90.00", "na", "60", "na", "0", "32,000", "1,000"),
)


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "ncu.csv"
        path.write_text(text)
        return path

    return write


def test_the_raw_page_is_read_past_messages_units_commas_and_missing_values(written):
    gemm, add = read_launches(written(document(*ROWS)))
    assert (gemm.kernel, add.kernel) == (GEMM, ADD)
    assert gemm.values[DURATION] == 3000
    assert gemm.values[LOADED] == 64000
    assert add.values[IPC] is None
    assert add.values[LOAD_SECTORS] == 0


def test_other_units_become_nanoseconds_and_bytes(written):
    units = ("us", "%", "%", "%", "Kbyte", "sector", "Mbyte", "sector")
    launch = read_launches(written(document(ROWS[0], units=units)))[0]
    assert launch.values[DURATION] == pytest.approx(3_000_000)
    assert launch.values[LOADED] == pytest.approx(64_000_000)
    assert launch.values[STORED] == pytest.approx(1e9)
    with pytest.raises(NcuError, match=r"is in 'fortnight'.*--print-units base"):
        read_launches(written(document(ROWS[0], units=("fortnight", *units[1:]))))


def test_messages_between_the_rows_are_no_rows(written):
    text = document(ROWS[0], "==WARNING== Found outstanding GPU clock reset", ROWS[1])
    assert len(read_launches(written(text))) == 2


def test_the_details_page_is_read_too(written):
    head = f'{HEAD},"Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"'
    section = ("0", "9.0", "Command line profiler metrics")
    rows = [
        row(0, ADD, *section, DURATION, "us", "1,205.50"),
        row(0, ADD, *section, OCCUPANCY, "%", "n/a"),
        row(1, ADD, *section, DURATION, "us", "2.00"),
    ]
    first, second = read_launches(written("\n".join([head, *rows])))
    assert first.values == {DURATION: pytest.approx(1_205_500), OCCUPANCY: None}
    assert second.values == {DURATION: pytest.approx(2000)}


def test_a_file_cut_short_names_the_file_and_the_line(written):
    text = document(*ROWS)
    path = written(text[: text.rindex('"90.00"') + 3])  # within a field
    with pytest.raises(NcuError, match=r"ncu\.csv, line 7: cut short"):
        read_launches(path)
    path = written(text[: text.rindex(',"90.00"')])  # between two
    with pytest.raises(NcuError, match=r"ncu\.csv, line 7: 10 columns and the header 17"):
        read_launches(path)


def test_what_is_no_number_names_the_line_and_the_metric(written):
    with pytest.raises(NcuError, match=rf"line 6: {DURATION} is 'soon', which is no number"):
        read_launches(written(document(row(0, GEMM, "soon", *["1"] * 7))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "==PROF== Connected to process 1\n==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access "
            "NVIDIA GPU Performance Counters on the target device 0.\n",
            r"ERR_NVGPUCTRPERM: this user may not read .* Run as root, or",
        ),
        ("==ERROR== Failed to find metric regex:^sm__typo$\n", r"ncu: Failed to find metric"),
        ("==PROF== Connected to process 1\n==WARNING== No kernels were profiled.\n", r"no table: no line begins"),
        (document(), "no kernel was profiled"),
        (f'{HEAD},"{DURATION}"\n' + row(0, GEMM, "1"), "no row of units after the header"),
    ],
)
def test_a_failure_of_ncu_is_told_in_one_line(written, text, message):
    with pytest.raises(NcuError, match=message) as raised:
        read_launches(written(text))
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_told_in_one_line(tmp_path):
    with pytest.raises(NcuError, match=r"none\.csv: No such file"):
        read_launches(tmp_path / "none.csv")


def test_means_are_weighted_with_time_and_efficiencies_are_ratios_of_sums(written):
    found = totals(read_launches(written(document(*ROWS))), busy=0.5)
    metrics = found["metrics"]
    assert metrics["achieved_occupancy"] == pytest.approx((3000 * 0.5 + 1000 * 0.9) / 4000)
    assert metrics["ipc_efficiency"] == pytest.approx(0.40)  # of the one kernel that has it
    assert metrics["dram_utilization"] == pytest.approx((3000 * 0.2 + 1000 * 0.6) / 4000)
    assert metrics["gld_efficiency"] == pytest.approx(64_000 / (32 * 2_000))
    assert metrics["gst_efficiency"] == pytest.approx((1_000 + 32_000) / (32 * (50 + 1_000)))
    assert found["share_of_time"]["ipc_efficiency"] == 0.75
    assert found["share_of_time"]["gld_efficiency"] == 0.75
    assert found["medians"]["achieved_occupancy"] == pytest.approx(0.7)
    assert found["whole_step"]["achieved_occupancy"] == pytest.approx(0.5 * metrics["achieved_occupancy"])
    assert found["kernel_seconds"] == pytest.approx(4e-6)
    assert found["reasons"] == {}


def test_what_was_not_recorded_is_null_with_a_reason():
    found = totals([Launch("a", {DURATION: 10.0, LOADED: 0.0, LOAD_SECTORS: 0.0})])
    assert found["metrics"]["achieved_occupancy"] is None
    assert found["reasons"]["achieved_occupancy"] == f"{OCCUPANCY} was not recorded"
    assert found["reasons"]["gld_efficiency"] == "no kernel moved a sector through the load/store unit"
    assert found["stalls"] is None
    assert found["whole_step"]["achieved_occupancy"] is None
    with pytest.raises(NcuError, match="not every kernel has it"):
        totals([Launch("a", {})])


def test_stall_shares_sum_to_one_and_weigh_kernels_by_their_time():
    long, wait, barrier = (stall_metric(name) for name in ("long_scoreboard", "wait", "barrier"))
    launches = [
        Launch("a", {DURATION: 30.0, long: 40.0, wait: 20.0, barrier: 0.0}),
        Launch("b", {DURATION: 10.0, long: 0.0, wait: 20.0, barrier: 80.0}),
    ]
    shares = totals(launches)["stalls"]
    assert shares["memory_dependency"] == pytest.approx(30 / 70)
    assert shares["execution_dependency"] == pytest.approx(20 / 70)
    assert shares["synchronization"] == pytest.approx(20 / 70)
    assert shares["texture"] is None
    assert sum(value or 0 for value in shares.values()) == pytest.approx(1)


def test_the_hottest_kernels_gather_the_launches_of_one_name():
    launches = [Launch(name, {DURATION: length}) for name, length in (("a", 5.0), ("b", 20.0), ("a", 25.0))]
    hottest = totals(launches)["kernels"]
    assert [(one["kernel"], one["launches"], one["share"]) for one in hottest] == [("a", 2, 0.6), ("b", 1, 0.4)]


def test_the_recipe_profiles_one_step_with_clocks_and_caches_left_alone():
    words = shlex.split(ncu.recipe(["task=image_classification", "scale=mini"], "out.csv"))
    after = dict(itertools.pairwise(words))
    assert words[0] == "ncu"
    assert after["--profile-from-start"] == "off"
    assert after["--clock-control"] == after["--cache-control"] == "none"
    assert after["--metrics"].split(",") == metric_names(stalls=True)
    assert after["--log-file"] == "out.csv"
    assert words[-4:] == ["-m", "aibench.characterization.ncu", "task=image_classification", "scale=mini"]


def test_a_sample_is_of_each_kernel_with_each_grid_and_block():
    words = shlex.split(ncu.recipe(["task=image_classification"], "out.csv", sample=True))
    after = dict(itertools.pairwise(words))
    assert (after["--filter-mode"], after["--launch-count"]) == ("per-launch-config", "1")


def test_what_a_real_ncu_wrote_is_read():
    """Nsight Compute 2025.3.1 on an H200: the first kernels of a step of spatial_transformer at reference scale."""
    launches = read_launches(REAL)
    assert len(launches) == 12
    assert launches[1].kernel.startswith("void at::vectorized_elementwise_kernel<4, at::CUDAFunctorOnSelf_add<float>")
    assert launches[1].values[DURATION] == 2080
    assert launches[2].grid == (242, 1, 1)
    assert launches[2].block == (1024, 1, 1)
    assert set(launches[0].values) == set(metric_names(stalls=True))  # none of ncu's other 293
    found = totals(launches)
    assert all(0 < value <= 1 for value in found["metrics"].values())
    assert sum(value or 0 for value in found["stalls"].values()) == pytest.approx(1)


def test_ncu_that_may_not_count_is_told_from_its_messages():
    with pytest.raises(NcuError, match="ncu: ERR_NVGPUCTRPERM"):
        refuse_failure("ncu", ["==ERROR== ERR_NVGPUCTRPERM - The user does not have permission"])


CHIPS = {"GV100": 7, "TU102": 7, "GA100": 8, "AD102": 8, "GH100": 9, "GB100": 10, "GB202": 12}


@pytest.mark.parametrize("chip", CHIPS)
def test_every_metric_exists_on(chip):
    _cupti()
    host = Host(chip)
    host.add(metric_names(stalls=True, capability=CHIPS[chip]))
    host.close()


def test_what_a_chip_is_said_not_to_count_it_does_not():
    _cupti()
    for chip, capability in CHIPS.items():
        for reason in ABSENT[capability]:
            host = Host(chip)
            with pytest.raises(LookupError):
                host.add([stall_metric(reason)])
            host.close()


@pytest.mark.parametrize(("stalls", "passes"), [(False, 2), (True, 7)])
def test_an_h100_replays_each_kernel(stalls, passes):
    _cupti()
    host = Host("GH100")
    host.add(metric_names(stalls))
    assert host.passes() == passes
    host.close()


def test_no_stall_reason_stands_in_two_classes():
    reasons = [reason for group in STALLS.values() for reason in group]
    assert len(set(reasons)) == len(reasons)


def _cupti() -> None:
    try:
        library()
    except NoCuptiError as error:
        pytest.skip(str(error))
