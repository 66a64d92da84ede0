"""The native part of the installation; everything else is in pyproject.toml.

CMakeLists.txt has the sources and flags, i2i/ops/native/toolchain.py runs it. An installation never fails over the
kernels: where they cannot be built, i2i compiles them at first use or runs on PyTorch's operators.
``I2I_BUILD=required`` makes a failure fatal, ``I2I_BUILD=off`` builds nothing here.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

ROOT = Path(__file__).resolve().parent


def load_toolchain():
    """Load i2i/ops/native/toolchain.py alone: the package around it needs more than is there during installation."""
    spec = importlib.util.spec_from_file_location("i2i_toolchain", ROOT / "i2i" / "ops" / "native" / "toolchain.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toolchain = load_toolchain()


class BuildNative(build_ext):
    """Puts the library, and the module i2i._C where that can be had, into the package."""

    def run(self):
        """Build, or say why not."""
        in_place = self.inplace or self.editable_mode
        package = (ROOT if in_place else Path(self.build_lib)) / "i2i"
        temporary = ROOT / "build" if in_place else Path(self.build_temp).resolve()  # in place, the next time is quick
        for name in (toolchain.LIBRARY, toolchain.MODULE):
            (package / name).unlink(missing_ok=True)
        mode = toolchain.mode()
        if mode == "off":
            self.warn("I2I_BUILD=off: the native kernels are not built here")
            return
        try:
            tools, torch = toolchain.find_tools(), toolchain.find_torch()
            work = temporary / f"setup-{toolchain.configuration(tools, str(torch))}"
            self._put(toolchain.build_library(ROOT, work, tools, torch), package)
        except toolchain.BuildError as error:
            if mode == "required":
                raise CompileError(f"I2I_BUILD=required, but {error}\n{error.output}") from error
            self.warn(f"the native kernels are not built here, but at first use if possible: {error}\n{error.output}")
            return
        try:
            self._put(toolchain.build_module(ROOT, work, tools, torch), package)
        except toolchain.BuildError as error:
            self.warn(f"the optional module i2i._C is not built: {error}\n{error.output}")

    def _put(self, built, package):
        package.mkdir(parents=True, exist_ok=True)
        temporary = package / f".{built.name}.writing"
        shutil.copyfile(built, temporary)
        temporary.replace(package / built.name)  # a process that has the old one loaded keeps it


class BuildPython(build_py):
    """Adds the native sources to the package, so that they can be compiled at first use without this checkout."""

    def run(self):
        """Copy the Python files as always, then the native sources."""
        super().run()
        if not self.editable_mode:
            copy = Path(self.build_lib) / "i2i" / "_native_sources"
            shutil.rmtree(copy, ignore_errors=True)  # an earlier build's may hold files that are gone
            for file in toolchain.source_files(ROOT):
                target = copy / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, target)


setup(
    ext_modules=[Extension("i2i._C", sources=[])],  # what it is made of stands in CMakeLists.txt
    cmdclass={"build_ext": BuildNative, "build_py": BuildPython},
)
