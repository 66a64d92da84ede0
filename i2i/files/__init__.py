"""Files that are not images: written so that a crash leaves the old one or the new one, locked, read within bounds.

May import ``errors``. Begin with :mod:`~i2i.files.atomic`: everything that i2i writes goes through it.
"""
