"""Files that are not images: written whole or not at all, locked, read within bounds. Imports no torch.

Begin with :mod:`~i2i.files.atomic`: everything that i2i writes goes through it. :mod:`~i2i.files.texts` reads YAML and
JSON of others.

May import nothing.
"""
