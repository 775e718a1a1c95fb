"""Fused kernels for the processor: the same numbers as torch's, in one pass a walker.

numpy in, numpy out, float64; only numpy and numba are imported, and numba by the modules alone.

    shape           Shape: the sizes of a network and its activation, as kernels take them
    points          Points: the data in blocks that stay near the processor
    misfit          sse, sse_and_grad, outputs
    collapsed       the output layer integrated out
    collapsed_grad  collapsed_and_grad, expected_grad: its gradient in the hidden part
    flips           flip_terms, flip_moments: the sum over flips of units
    curvature       curvature: gradient and metric of the collapsed density
    replacement     replacement: one unit replaced by each of many
    results         what these return
    jacobian        hidden_jacobian
    descent         descend: SGD and Adam
    climb           climb: to the tops, by Levenberg and Marquardt's method
    rows            walkers split over threads
    ready           everything compiled ahead of its first use

Beneath them: ``elementary`` (exp and the activations), ``vectors`` (loops over the points of one
block), ``forward`` and ``backward`` (one network on one block), ``features`` and ``solve`` (the
output layer's sums, and its Gaussian), ``gaussian`` (small Cholesky factors), ``least_squares``
(by orthogonal columns), ``compiling`` (how numba is told to compile). ``shape``, ``points``,
``results`` and ``rows`` work without numba.

A block holds a few hundred points, so that all that is known of one network on it stays in the
nearest caches; a walker's numbers never depend on the other walkers, nor on the number of threads.
A vector that is not finite gets NaN.
"""
