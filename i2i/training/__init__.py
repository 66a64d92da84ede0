"""The training loop: what sets it up, feeds it, keeps what it reached and ends it.

Begin with :mod:`~i2i.training.trainer`, which is the loop; :mod:`~i2i.training.launch` sets it up,
:mod:`~i2i.training.loading` feeds it, :mod:`~i2i.training.budget` and :mod:`~i2i.training.interruption` end it.
:mod:`~i2i.training.keeper` saves and judges; :mod:`~i2i.training.snapshot` is what it saves: networks, optimisers,
schedules, replay buffers, random numbers. :mod:`~i2i.training.resume` says how a run may be continued,
:mod:`~i2i.training.initial_weights` how one starts from other models. The step itself belongs to the method:
:mod:`i2i.builtin.methods`; optimisers and moving averages to :mod:`~i2i.training.update`.

Nothing imports this room but ``api``, ``cli`` for what ends a run, and ``benchmarking``, which measures the step of
:mod:`~i2i.training.update`. May import ``evaluation``, ``models``, ``config``, ``plugins``, ``tensors``, ``files``,
``environment`` and ``terminal``.
"""
