// The operators' signatures, the same for every device. Their meaning is the reference of the same name in i2i/ops/.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY_FRAGMENT(i2i, library) {
  library.def(
      "residual_block(Tensor x, Tensor weight1, Tensor weight2, Tensor? norm_weight1, Tensor? norm_bias1, "
      "Tensor? norm_weight2, Tensor? norm_bias2, float eps) -> Tensor");
  library.def(
      "residual_block_forward(Tensor x, Tensor weight1, Tensor weight2, Tensor? norm_weight1, Tensor? norm_bias1, "
      "Tensor? norm_weight2, Tensor? norm_bias2, float eps) -> (Tensor out, Tensor y1, Tensor y2, Tensor statistics)");
  library.def(
      "residual_block_backward(Tensor grad, Tensor x, Tensor weight1, Tensor weight2, Tensor? norm_weight1, "
      "Tensor? norm_bias1, Tensor? norm_weight2, Tensor y1, Tensor y2, Tensor statistics, bool weight_gradients) "
      "-> (Tensor dx, Tensor dweight1, Tensor dweight2, Tensor dnorm_weight1, Tensor dnorm_bias1, "
      "Tensor dnorm_weight2, Tensor dnorm_bias2)");

  library.def("image_convolution(Tensor x, Tensor weight, Tensor? bias) -> Tensor");
  library.def(
      "image_convolution_backward(Tensor grad, Tensor x, Tensor weight, bool input_gradient, bool weight_gradient) "
      "-> (Tensor dx, Tensor dweight)");

  library.def(
      "instance_norm_act(Tensor x, Tensor? weight, Tensor? bias, float eps, str act, float negative_slope, int pad) "
      "-> (Tensor out, Tensor mean, Tensor rstd)");
  library.def(
      "instance_norm_act_backward(Tensor grad, Tensor x, Tensor? weight, Tensor? bias, Tensor mean, Tensor rstd, "
      "str act, float negative_slope, int pad) -> (Tensor dx, Tensor dweight, Tensor dbias)");

  library.def(
      "instance_norm_add(Tensor x, Tensor skip, Tensor? weight, Tensor? bias, float eps, int pad) "
      "-> (Tensor out, Tensor mean, Tensor rstd)");
  library.def(
      "instance_norm_add_backward(Tensor grad, Tensor x, Tensor? weight, Tensor mean, Tensor rstd, int pad) "
      "-> (Tensor dx, Tensor dskip, Tensor dweight, Tensor dbias)");
}
