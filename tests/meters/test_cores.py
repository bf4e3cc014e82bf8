"""Cores are counted within the quotas of control groups, of both versions, nested and in containers."""

from __future__ import annotations

import pytest

from aibench.meters.cores import Cores, memory_left, quota
from aibench.meters.system import system

V1 = "31 23 0:28 {inside} /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct"
V2 = "41 31 0:38 {inside} {at} rw,relatime shared:4 - cgroup2 cgroup2 rw"
PATH_1, PATH_2 = "4:memory:/other\n3:cpu,cpuacct:{}\n1:name=systemd:/other", "0::{}"


def one(group, quota, period=100_000):
    return {f"{group}/cpu.cfs_quota_us": quota, f"{group}/cpu.cfs_period_us": period}


def v1(group="/", inside="/"):
    return {"proc/self/cgroup": PATH_1.format(group), "proc/self/mountinfo": V1.format(inside=inside)}


def v2(group="/", inside="/", at="/sys/fs/cgroup"):
    return {"proc/self/cgroup": PATH_2.format(group), "proc/self/mountinfo": V2.format(inside=inside, at=at)}


CPU, UNIFIED = "sys/fs/cgroup/cpu", "sys/fs/cgroup"
TREES = {
    "nothing": ({}, None),
    "version 1": ({**v1(), **one(CPU, 100_000)}, 1.0),
    "version 1 without a quota": ({**v1(), **one(CPU, -1)}, None),
    "version 1, nested: the least up to the root": (
        {**v1("/a/b"), **one(f"{CPU}/a/b", 400_000), **one(f"{CPU}/a", 150_000), **one(CPU, -1)},
        1.5,
    ),
    "version 1, a sibling's quota": ({**v1("/a"), **one(f"{CPU}/a", -1), **one(f"{CPU}/b", 100_000)}, None),
    "version 1 in a container: the mount begins at its group": (
        {**v1("/docker/x", "/docker/x"), **one(CPU, 200_000)},
        2.0,
    ),
    "version 1 in a container: its path is the host's": ({**v1("/docker/x"), **one(CPU, 200_000)}, 2.0),
    "version 1, its controllers in one folder": (
        {"proc/self/cgroup": PATH_1.format("/"), **one("sys/fs/cgroup/cpu,cpuacct", 300_000)},
        3.0,
    ),
    "version 2": ({**v2(), f"{UNIFIED}/cpu.max": "250000 100000"}, 2.5),
    "version 2, max": ({**v2(), f"{UNIFIED}/cpu.max": "max 100000"}, None),
    "version 2, less than a core": ({**v2(), f"{UNIFIED}/cpu.max": "20000 100000"}, 0.2),
    "version 2, nested: the least up to the root": (
        {
            **v2("/kubepods/pod/box"),
            f"{UNIFIED}/kubepods/pod/box/cpu.max": "max 100000",
            f"{UNIFIED}/kubepods/pod/cpu.max": "200000 100000",
            f"{UNIFIED}/kubepods/cpu.max": "800000 100000",
        },
        2.0,
    ),
    "version 2 in a namespace": ({**v2("/"), f"{UNIFIED}/cpu.max": "100000 50000"}, 2.0),
    "version 2, a group outside of the namespace": ({**v2("/../x"), f"{UNIFIED}/cpu.max": "100000 50000"}, 2.0),
    "version 2, its path is the host's": ({**v2("/system/x"), f"{UNIFIED}/cpu.max": "100000 50000"}, 2.0),
    "version 2 elsewhere": ({**v2("/a", at="/mnt/my\\040groups"), "mnt/my groups/a/cpu.max": "100000 100000"}, 1.0),
    "version 2 without a list of mounts": (
        {"proc/self/cgroup": "0::/a", f"{UNIFIED}/a/cpu.max": "300000 100000"},
        3.0,
    ),
    "both: processor time under version 1": (
        {
            "proc/self/cgroup": f"{PATH_1.format('/a')}\n{PATH_2.format('/a')}",
            "proc/self/mountinfo": f"{V1.format(inside='/')}\n{V2.format(inside='/', at='/sys/fs/cgroup/unified')}",
            **one(f"{CPU}/a", 150_000),
            "sys/fs/cgroup/unified/a/cgroup.procs": "",
        },
        1.5,
    ),
    "a file without sense": ({**v2(), f"{UNIFIED}/cpu.max": "many"}, None),
    "a period of nothing": ({**v1(), **one(CPU, 100_000, 0)}, None),
}


@pytest.mark.parametrize("name", TREES)
def test_the_least_quota_up_to_the_root_counts(name, tmp_path):
    files, expected = TREES[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{text}\n")
    assert quota(tmp_path) == expected


@pytest.mark.parametrize(
    ("allowed", "granted", "usable"), [(8, None, 8), (8, 4.0, 4), (8, 1.5, 1), (8, 0.2, 1), (2, 16.0, 2), (8, 7.99, 7)]
)
def test_whole_cores_within_affinity_and_quota_are_used(allowed, granted, usable):
    assert Cores(allowed, granted).usable == usable


def test_a_quota_sets_the_threads_and_is_recorded(monkeypatch):
    monkeypatch.setattr("aibench.meters.cores.quota", lambda: 1.0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    described = system()
    assert (described["cores"], described["allowed_cores"], described["cpu_quota"]) == (1, 64, 1.0)


def test_the_memory_left_is_the_least_of_the_machine_and_its_groups(tmp_path):
    def left(**files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(str(text))
        return memory_left(tmp_path)

    assert left() is None
    assert left(**{"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    4000 kB\n"}) == 4_096_000
    group = f"{UNIFIED}/box"
    assert left(**v2("/box"), **{f"{group}/memory.max": "max", f"{group}/memory.current": "7"}) == 4_096_000
    assert left(**{f"{group}/memory.max": 3_000_000, f"{group}/memory.current": 1_000_000}) == 2_000_000
    assert left(**{f"{group}/memory.stat": "anon 5\ninactive_file 400000\n"}) == 2_400_000
