"""Programs that run an exported file as its users do: without i2i.

Begin with :mod:`~i2i.exporting.standalone.run_onnx`; :mod:`i2i.exporting.comparison` starts them, each in a process of
its own.

May import nothing: they run where i2i is not installed.
"""
