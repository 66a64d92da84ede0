// CUDA C++ on the CPU, for kernels written for nvcc; see the README next to this folder.
#pragma once

#include "device_functions.h"
#include "environment.h"
#include "launch.h"
#include "tensor_core.h"
