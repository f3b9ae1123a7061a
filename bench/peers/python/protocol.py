"""A player in Python: what bench/players/serve.ts and bench/inputs.ts are in TypeScript."""

import json
import sys
import time

import numpy as np

SAMPLES = 16


class Skip(Exception):
    """A workload that this player can't do; the text says why."""


def noise(shape, scale=1.0, seed=0):
    """Uniform in [-scale, scale): a hash of the position and a seed, as in bench/inputs.ts."""
    size = int(np.prod(shape))
    start = np.uint32(((seed + 1) * 0x9E3779B1) & 0xFFFFFFFF)
    h = np.arange(size, dtype=np.uint32) + start
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    values = ((h >> np.uint32(8)) / 2.0**23 - 1) * scale
    return values.astype(np.float32).reshape(shape)


def classes(n, count):
    return np.arange(n, dtype=np.int64) * 7 % count


def tokens(n, count):
    i = np.arange(n, dtype=np.int64)
    return (i * 11 + (i >> 3)) % count


def parameter_values(name, shape, i):
    seed = 1000 + i
    if len(shape) > 1:
        fan_in = np.prod(shape) / shape[0]
        return noise(shape, np.sqrt(6 / fan_in), seed)
    values = noise(shape, 0.1, seed)
    return values if name.endswith("bias") else values + np.float32(1)


def digest(values):
    flat = np.asarray(values).reshape(-1)
    size = flat.size
    count = min(SAMPLES, size)
    where = [int((i + 0.5) * size / count) for i in range(count)]
    wide = flat.astype(np.float64)
    return {
        "size": size,
        "mean": float(wide.mean()),
        "rms": float(np.sqrt((wide**2).mean())),
        "samples": [float(flat[i]) for i in where],
    }


class Stopwatch:
    """Milliseconds that parts of a procedure took together."""

    def __init__(self):
        self.milliseconds = 0.0

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, *_):
        self.milliseconds += (time.perf_counter() - self.start) * 1000


def resident(entry):
    """Resident bytes, now (VmRSS) or at most (VmHWM); on Linux alone."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(entry + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def forget_peak():
    """Inputs and weights are in place: memory counts from here on."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def time_calls(call, least):
    """Milliseconds of a call: as many as fill `least` milliseconds."""
    calls = 0
    start = time.perf_counter()
    elapsed = 0.0
    while True:
        batch = 1 if elapsed > 0.5 * calls else max(1, min(100, calls))
        for _ in range(batch):
            call()
        calls += batch
        elapsed = (time.perf_counter() - start) * 1000
        if elapsed >= least:
            return elapsed / calls


def serve(version, prepare):
    """Answers the conductor's lines. prepare(spec, threads, first) returns (call, results)."""
    before = resident("VmRSS")
    state = {}

    def answer(request):
        what = request["do"]
        if what == "hello":
            return {"version": version}
        if what == "prepare":
            first = Stopwatch()
            state["call"], state["results"] = prepare(request["spec"], request["threads"], first)
            return {"first": first.milliseconds}
        if what == "time":
            return {"milliseconds": time_calls(state["call"], request["least"])}
        if what == "memory":
            peak = resident("VmHWM")
            return {"bytes": None if peak is None else peak - before}
        return {"digests": [digest(values) for values in state["results"]()]}

    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Skip as reason:
            reply = {"skip": str(reason)}
        except Exception as error:  # the conductor prints it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
