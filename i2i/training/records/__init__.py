"""What a run leaves to people and to whoever resumes it: its folder, its log, its page.

Begin with :mod:`~i2i.training.records.run_folder`, which names every file of a run;
:mod:`~i2i.training.records.run_log` reads ``metrics.jsonl``, :mod:`~i2i.training.records.page` makes ``index.html``.

May import ``models.scores``, ``models.recorded_components``, ``config``, ``plugins`` and ``files``.
"""
