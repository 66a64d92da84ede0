// Every standard header that the kernels use. The variant files include it before they name an instruction set, so that
// functions which the whole library shares are not compiled for instructions that the processor may lack.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <type_traits>
#include <vector>
