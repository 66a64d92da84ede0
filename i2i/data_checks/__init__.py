"""Looking at data before training: what would spoil a result, by the pixels of every image. Imports no torch.

Begin with :mod:`~i2i.data_checks.data_report`, which puts together what the other files find:
:mod:`~i2i.data_checks.picture_facts` looks at one picture, :mod:`~i2i.data_checks.duplicates` for the same picture
twice, :mod:`~i2i.data_checks.shifts` at how pairs lie on each other, :mod:`~i2i.data_checks.cues` at what tells two
domains apart without their content. :mod:`~i2i.data_checks.check_page` is the page.

May import ``plugins``, ``images`` and ``files.atomic``.
"""
