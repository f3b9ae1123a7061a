"""NumPy's matrix product as a player: OpenBLAS, with the result's memory given."""

import numpy as np
from protocol import Skip, forget_peak, noise, serve


def blas():
    """The library that NumPy was built with."""
    config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{config['name']} {config['version']}, NumPy {np.__version__}"


def prepare(spec, _threads, first):
    """Threads are set by OPENBLAS_NUM_THREADS when the process starts."""
    if spec["kind"] != "gemm":
        raise Skip("only matrix products are asked of it")
    a, b = noise([spec["m"], spec["k"]]), noise([spec["k"], spec["n"]], 1, 1)
    out = np.empty([spec["m"], spec["n"]], np.float32)
    call = lambda: np.matmul(a, b, out=out)  # noqa: E731
    forget_peak()
    with first:
        call()
    return call, lambda: [call()]


serve(blas(), prepare)
