"""Lists what Nsight Compute is asked for, in today's names: the paper's five metrics (5.5) and its stall reasons.

The names are those of GV100 and later; a test asks CUPTI's host library, which needs no GPU, whether each exists.
"""

from __future__ import annotations

DURATION = "gpu__time_duration.sum"  # ns: the weight of a kernel
SECTOR = 32  # bytes
LOADED = "smsp__sass_data_bytes_mem_global_op_ld.sum"
STORED = "smsp__sass_data_bytes_mem_global_op_st.sum"
LOAD_SECTORS = "smsp__sass_l1tex_t_sectors_pipe_lsu_mem_global_op_ld.sum"
STORE_SECTORS = "smsp__sass_l1tex_t_sectors_pipe_lsu_mem_global_op_st.sum"

# The paper's (nvprof's) name; ours, in percent of the peak. Means over the kernels, weighted with their time.
WEIGHTED = {
    "achieved_occupancy": "sm__warps_active.avg.pct_of_peak_sustained_active",
    "ipc_efficiency": "sm__inst_executed.avg.pct_of_peak_sustained_active",
    "dram_utilization": "dram__throughput.avg.pct_of_peak_sustained_elapsed",
}
# Bytes that the threads asked for; sectors that were moved for them. A ratio of sums: a kernel without such access has
# no ratio, and a weighted mean of those that have one would answer for all.
ACCESSES = {"gld_efficiency": (LOADED, LOAD_SECTORS), "gst_efficiency": (STORED, STORE_SECTORS)}
FIVE = ("achieved_occupancy", "ipc_efficiency", "gld_efficiency", "gst_efficiency", "dram_utilization")

_STALL = "smsp__warp_issue_stalled_{}_per_warp_active.pct"
# The paper's classes (nvprof's stall_*), as sums of today's, by NVIDIA's table for those who come from nvprof. `gmma`
# is a wait for Hopper's tensor cores, which nvprof never saw; other architectures have none.
STALLS = {
    "instruction_fetch": ("no_instruction",),
    "execution_dependency": ("short_scoreboard", "wait"),
    "memory_dependency": ("long_scoreboard",),
    "texture": ("tex_throttle",),
    "synchronization": ("barrier", "membar"),
    "constant_memory_dependency": ("imc_miss",),
    "pipe_busy": ("math_pipe_throttle", "mio_throttle"),
    "memory_throttle": ("lg_throttle", "drain"),
    "tensor_core_wait": ("gmma",),
    "other": ("misc", "dispatch_stall", "branch_resolving", "sleeping"),
}
# Reasons that chips of a compute capability do not count, by its first number; `gmma` is Hopper's alone.
ABSENT = {7: ("gmma",), 8: ("gmma",), 9: (), 10: ("gmma", "imc_miss"), 12: ("gmma", "imc_miss")}
HOPPER = 9


def stall_metric(reason: str) -> str:
    """Return the metric of a stall reason: percent of the cycles in which a warp was active."""
    return _STALL.format(reason)


def metric_names(stalls: bool, capability: int = HOPPER) -> list[str]:
    """Return all metrics to collect from a chip of this compute capability's first number.

    They take two replays of each kernel on an H100, seven with `stalls`.
    """
    sums = [name for pair in ACCESSES.values() for name in pair]
    absent = ABSENT.get(capability, ABSENT[max(ABSENT)])
    reasons = [reason for group in STALLS.values() for reason in group if reason not in absent]
    return [DURATION, *WEIGHTED.values(), *sums, *(map(stall_metric, reasons) if stalls else ())]
