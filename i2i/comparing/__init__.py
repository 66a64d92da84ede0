"""Comparing runs: the settings that differ, the same held-out images, numbers side by side, curves on one axis.

Begin with :mod:`~i2i.comparing.side_by_side`, behind ``i2i compare``. What is compared is an
:class:`~i2i.comparing.contenders.Contender`, a run or a folder of results made elsewhere
(:mod:`~i2i.comparing.result_folders`); on which images, decides :mod:`~i2i.comparing.unseen_images`;
:mod:`~i2i.comparing.comparison_page` makes the page.

May import ``evaluation``, ``training.records``, ``translation``, ``models``, ``plugins``, ``tensors``,
``images.readers``, ``images.reading`` and ``files``.
"""
