"""What is run leaves no trace: not in torch's random numbers, not in the network, whoever else is at work meanwhile."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from i2i.tensors.inference import float32_by_default, leaving_no_trace, own_random_numbers, torchs_own_settings

DRAWS = {
    "dropout": lambda x: F.dropout(x, 0.4),
    "dropout of channels": lambda x: F.dropout2d(x, 0.4),
    "alpha dropout": lambda x: F.alpha_dropout(x, 0.4, training=True),
    "rand": lambda x: torch.rand(3, 4),
    "randn": lambda x: torch.randn(5),
    "rand like": torch.rand_like,
    "randn like": torch.randn_like,
    "randint": lambda x: torch.randint(9, (7,)),
    "randint from": lambda x: torch.randint(3, 9, (7,)),
    "randint like": lambda x: torch.randint_like(x, 9),
    "randint like from": lambda x: torch.randint_like(x, 3, 9),
    "randperm": lambda x: torch.randperm(9),
    "normal": lambda x: torch.empty(6).normal_(),
    "uniform": lambda x: torch.empty(6).uniform_(),
    "exponential": lambda x: torch.empty(6).exponential_(),
    "normal of means": lambda x: torch.normal(x, 0.5),
    "bernoulli": lambda x: torch.bernoulli(x),
    "poisson": lambda x: torch.poisson(x),
    "multinomial": lambda x: torch.multinomial(x[0, 0], 2),
    "rrelu": lambda x: F.rrelu(-x, training=True),
    "initial weights": lambda x: nn.init.trunc_normal_(torch.empty(4, 4)),
    "a layer": lambda x: nn.Conv2d(3, 4, 3).weight.detach(),
    "recurrent": lambda x: nn.LSTM(6, 3, num_layers=2, dropout=0.5)(x[0])[0].detach(),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.3),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_those_of_the_seed_and_the_global_state_is_not_touched(name):
    draw, images = DRAWS[name], torch.full((2, 3, 6, 6), 0.5)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with own_random_numbers(11):
        first, second = draw(images), draw(images)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        assert torch.equal(draw(images), first)
        assert torch.equal(draw(images), second)


@torch.library.custom_op("i2i_test_inference::noise", mutates_args=(), tags=[torch.Tag.nondeterministic_seeded])
def noise(images: torch.Tensor) -> torch.Tensor:
    """An operator of a plugin's own, which takes no generator."""
    return torch.rand(images.shape)


def test_operators_of_others_that_take_no_generator_repeat_themselves_too():
    images = torch.zeros(2, 3)
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with own_random_numbers():
            drawn += [noise(images), noise(images)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[1], drawn[3])
    assert not torch.equal(drawn[0], drawn[1])


def test_a_given_generator_is_used():
    generator = torch.Generator().manual_seed(3)
    expected = torch.rand(4, generator=torch.Generator().manual_seed(3))
    with own_random_numbers(11):
        assert torch.equal(torch.rand(4, generator=generator), expected)


def test_dropout_without_gradients_is_fused_into_one_operator_elsewhere():
    """On CUDA; its meaning is that of the operator."""
    images = torch.ones(2000)
    with own_random_numbers():
        for p, kept in ((0.25, 0.75), (0.0, 1.0), (1.0, 0.0)):
            output, mask = torch.ops.aten.native_dropout(images, p, True)
            assert abs(float(mask.float().mean()) - kept) < 0.05
            assert torch.equal(output, mask / kept if kept else torch.zeros(2000))
        output, mask = torch.ops.aten.native_dropout(images, 0.5, False)
        assert torch.equal(output, images)
        assert mask.all()


class Restless(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))

    def forward(self, images):
        return self.layers(images)


def test_threads_compute_what_one_does_while_others_draw():
    """One thread draws its own random numbers all the while: they are those that it would have alone."""
    with own_random_numbers():
        network = Restless()
    network.layers[1].eval()  # somebody froze its statistics
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = [torch.full((1, 3, 8, 8), float(number)) for number in range(4)]

    def compute(image):
        with leaving_no_trace([network], paper=True), own_random_numbers():
            return network(image)

    expected = [compute(image) for image in images]
    torch.manual_seed(9)
    alone = torch.rand(400)
    torch.manual_seed(9)
    results, drawn, begin = {}, [], threading.Barrier(5)

    def work(number):
        begin.wait()
        results[number] = [compute(images[number]) for _ in range(25)]

    def draw():
        begin.wait()
        drawn.extend(torch.rand(1) for _ in range(400))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)] + [threading.Thread(target=draw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, found in results.items():
        assert all(torch.equal(result, expected[number]) for result in found)
    assert torch.equal(torch.cat(drawn), alone)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == [True, True, True, False, True]


def test_settings_of_the_caller_are_undone_and_put_back():
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        with torchs_own_settings(grad=True):
            made = torch.ones(3, requires_grad=True)
            assert (made * 2).requires_grad
            assert not made.is_inference()
            assert made.device.type == "cpu"
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        with torchs_own_settings():
            assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.ones(1).device.type == "meta"


def test_the_default_dtype_is_put_back():
    torch.set_default_dtype(torch.float64)
    try:
        with float32_by_default():
            assert torch.ones(1).dtype == torch.float32
        assert torch.ones(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
