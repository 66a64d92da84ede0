// Instance norm with what surrounds it in a network: activation or skip connection, and reflection padding.
#pragma once

#include "cpu/instance_norm/instance_norm_backward.inl.h"
#include "cpu/instance_norm/instance_norm_forward.inl.h"

namespace i2i::cpu {
namespace I2I_VARIANT {

constexpr InstanceNormKernels kInstanceNorm = {instance_norm::forward, instance_norm::backward};

}  // namespace I2I_VARIANT
}  // namespace i2i::cpu
