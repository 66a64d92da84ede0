// i2i._C, for tests and for people who look, and for nothing else: facts about the build and about each variant of the
// CPU kernels. Nothing needs it at run time: tensors go through torch's dispatcher, and i2i asks the library itself.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cpu/runtime/variants.h"
#include "facts.h"

namespace py = pybind11;
using i2i::cpu::Kernels;

namespace {

std::vector<std::string> names(const std::vector<const Kernels*>& variants) {
  std::vector<std::string> found;
  for (const Kernels* variant : variants) found.emplace_back(variant->name);
  return found;
}

}  // namespace

PYBIND11_MODULE(_C, module) {
  module.doc() =
      "For tests and for people who look: facts about the native kernels of i2i. Nothing needs it at run time.";

  py::class_<Kernels>(module, "Kernels", "The CPU kernels, compiled for one instruction set.")
      .def_readonly("name", &Kernels::name)
      .def_readonly("vector_floats", &Kernels::vector_floats, "Floats in a register.");

  module.def("facts", &i2i::facts, "Return lines of 'key: value' about this build; csrc/facts.h lists the keys.");
  module.def(
      "compiled_variants", [] { return names(i2i::cpu::compiled_variants()); },
      "Return the names of the variants in this build, fastest first.");
  module.def(
      "supported_variants", [] { return names(i2i::cpu::supported_variants()); },
      "Return the names of those that this processor runs, fastest first.");
  module.def("variant", &i2i::cpu::variant, py::arg("name"), py::return_value_policy::reference,
             "Return the kernels of this name, whatever I2I_CPU says. Raises RuntimeError where they cannot run.");
}
