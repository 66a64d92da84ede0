"""What a run writes for people and for going on: its folder, its log, its page.

May import ``config``, ``plugins``, ``environment`` and ``files``. Begin with :mod:`~i2i.training.records.run_folder`.
"""
