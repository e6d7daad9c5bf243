"""A pretended accelerator: the real code on a device that is not the CPU, where there is no other.

PyTorch keeps one device for backends that it does not know (PrivateUse1). Here that is ``pretend``:
its tensors wrap one of the CPU, so that real numbers come out. Operands of two devices, a generator
of the CPU for a tensor of the device and ``.numpy()`` raise as with CUDA, and what passes between
host and device is counted.

It cannot show kernels that CUDA lacks, their determinism, memory and speed. Registered once, it
stays for the life of the process.
"""

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

import torch
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

NAME = "pretend"
OURS = "masktrack_core", "workflow_scripts"

aten = torch.ops.aten
_COPIES = {aten._to_copy.default, aten.copy_.default}
#: What gives the host a number or a shape, for which it waits until the device is done.
_ANSWERS = {
    "aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::masked_select",
    "aten::is_nonzero", "aten::_unique2", "aten::unique_dim", "aten::repeat_interleave.Tensor",
}  # fmt: skip
_BY_PLACES = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}


class DeviceError(RuntimeError):
    """What CUDA would have raised."""


@dataclass
class Traffic:
    """What happened on the device, and between host and device."""

    operations: int = 0
    #: (what, file:line of the project) → how often the host waited for the device.
    waits: Counter = field(default_factory=Counter)
    #: (direction, file:line) → bytes.
    copies: Counter = field(default_factory=Counter)


_traffic = Traffic()


@contextmanager
def watched():
    """Count what happens inside the block."""
    global _traffic
    before, _traffic = _traffic, Traffic()
    try:
        yield _traffic
    finally:
        _traffic = before


def _place():
    """Return the line of the project that is at work; autograd's threads have none."""
    frame = sys._getframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if any(f"/{name}/" in file for name in OURS):
            return f"{file.rpartition('/')[2]}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


def _note_wait(what):
    _traffic.waits[what, _place()] += 1


def _note_copy(source, *, to_host, blocking):
    direction = "device to host" if to_host else "host to device"
    _traffic.copies[direction, _place()] += source.numel() * source.element_size()
    if to_host or blocking:
        _note_wait(direction)


class OnDevice(torch.Tensor):
    """A tensor of the device, around one of the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        assert type(inner) is not cls
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, dtype=inner.dtype, device=torch.device(NAME, 0), **layout
        )

    def __init__(self, inner):
        self.inner = inner

    def __reduce_ex__(self, protocol):  # into a file, as a tensor of CUDA that is read on the CPU
        _note_copy(self.inner, to_host=True, blocking=True)
        return self.inner.detach().clone().__reduce_ex__(protocol)

    def __deepcopy__(self, memo):
        memo[id(self)] = OnDevice(self.inner.detach().clone()).requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __repr__(self):
        return f"OnDevice({self.inner!r})"

    @property
    def data(self):
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, other):  # how a module moves its parameters: the wrapper stays
        torch.Tensor.data.__set__(self, other)
        self.inner = other.inner

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, **_):
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy; use Tensor.cpu()")

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with torch.inference_mode(False):  # wrappers made inside could not be views of others
            # In inference mode operations that are made of others come whole.
            composite = torch._C.DispatchKey.CompositeImplicitAutograd
            if torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), composite):
                made = function.decompose(*args, **kwargs)
                if made is not NotImplemented:
                    return made
            return _run(function, args, kwargs)


def _run(function, args, kwargs):
    """Return what an operation gives, run on the CPU's tensors and wrapped."""
    _check(function, args, kwargs)
    _traffic.operations += 1
    inner_args, inner = tree_map(_unwrapped, (args, kwargs))
    if _is_ours(inner.get("device")):
        inner["device"] = torch.device("cpu")
    if "pin_memory" in inner:
        inner["pin_memory"] = False
    if function is aten._to_copy.default:
        source, device = args[0], kwargs.get("device")
        to_host = isinstance(source, OnDevice) and device is not None and not _is_ours(device)
        if to_host or not isinstance(source, OnDevice):
            _note_copy(source, to_host=to_host, blocking=not kwargs.get("non_blocking", False))
        out = function(*inner_args, **inner)
        return out if to_host else OnDevice(out)
    if function is aten.copy_.default:
        target, source = args[:2]
        if isinstance(target, OnDevice) != isinstance(source, OnDevice):
            blocking = not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
            _note_copy(source, to_host=isinstance(source, OnDevice), blocking=blocking)
        function(*inner_args, **inner)
        return target
    if function is aten.convolution_overrideable.default:  # an unknown backend's
        return _wrapped(aten.convolution.default(*inner_args, **inner))
    if function is aten.convolution_backward_overrideable.default:
        return _wrapped(_convolution_backward(*inner_args, **inner))
    out = function(*inner_args, **inner)
    if not any(isinstance(one, torch.Tensor) for one in tree_flatten(out)[0]):
        return out
    return return_and_correct_aliasing(function, args, kwargs, _wrapped(out))


def _check(function, args, kwargs):
    """Raise where operands are of two devices; note where the host waits for an answer."""
    name, leaves = function._schema.name, tree_flatten((args, kwargs))[0]
    if any(isinstance(one, torch.Generator) and one.device.type == "cpu" for one in leaves):
        raise DeviceError(f"{name}: expected a generator of '{NAME}', got one of 'cpu'")
    tensors = [one for one in leaves if isinstance(one, torch.Tensor)]
    strangers = [one for one in tensors if not isinstance(one, OnDevice) and one.dim()]
    if function not in _COPIES and strangers and len(strangers) < len(tensors):
        shapes = [tuple(one.shape) for one in strangers]
        raise DeviceError(f"{name}: operands on {NAME} and cpu, {shapes}, at {_place()}")
    places = tree_flatten(args[1])[0] if name in _BY_PLACES else []
    if name in _ANSWERS or any(one is not None and one.dtype is torch.bool for one in places):
        _note_wait(name)


def _convolution_backward(grad, x, weight, *rest):
    return aten.convolution_backward(grad, x, weight, [weight.shape[0]], *rest)


def _is_ours(device):
    return device is not None and torch.device(device).type == NAME


def _unwrapped(one):
    return one.inner if isinstance(one, OnDevice) else one


def _wrapped(out):
    return tree_map(lambda one: OnDevice(one) if isinstance(one, torch.Tensor) else one, out)


def _factories():
    """Yield the operations that make one tensor of numbers alone, on a device that is told."""
    skipped = "sparse", "quantized", "cudnn", "mkldnn", "nested", "_make_dep_token", "from_file"
    for full in torch._C._dispatch_get_all_op_names():
        if not full.startswith("aten::") or any(word in full for word in skipped):
            continue
        name, _, overload = full.removeprefix("aten::").partition(".")
        try:
            function = getattr(getattr(aten, name), overload or "default")
        except (AttributeError, RuntimeError):
            continue
        takes = {argument.name: str(argument.type) for argument in function._schema.arguments}
        gives = [str(result.type) for result in function._schema.returns]
        makes = "device" in takes and len(gives) == 1 and "Tensor" in gives[0]
        if makes and not any("Tensor" in kind for kind in takes.values()):
            yield full.removeprefix("aten::"), function


def _module():
    """Return what PyTorch wants to know of a device; its generator is the CPU's."""
    module = ModuleType(f"torch.{NAME}")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.set_device = module.synchronize = lambda device=None: None
    module.manual_seed = module.manual_seed_all = lambda seed: None
    module.get_rng_state = lambda device=0: torch.get_rng_state()
    module.set_rng_state = lambda state, device=0: None
    module.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
    return module


def _in_low_precision(function):
    """Return a convolution or product as autocast runs it on CUDA."""

    def lower(one):
        casts = isinstance(one, OnDevice) and one.dtype is torch.float32
        return one.to(torch.get_autocast_dtype(NAME)) if casts else one

    def kernel(*args, **kwargs):
        key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        with torch._C._ExcludeDispatchKeyGuard(key):
            return function(*tree_map(lower, args), **tree_map(lower, kwargs))

    return kernel


_LIBRARIES = []  # as long as they live, what they register holds


def register():
    """Make ``pretend`` a device of PyTorch."""
    if _LIBRARIES:
        return
    torch.utils.backend_registration._setup_privateuseone_for_python_backend(
        NAME, backend_module=_module()
    )
    operations, every = torch.library.Library("aten", "IMPL"), torch.library.Library("_", "IMPL")
    for name, function in _factories():
        kernel = lambda *args, function=function, **kwargs: _run(function, args, kwargs)  # noqa: E731
        operations.impl(name, kernel, "PrivateUse1")

    def from_host(source, target, non_blocking=False):  # torch.tensor(…, device=…) comes here
        return _run(aten.copy_.default, (target, source, non_blocking), {})

    operations.impl("_copy_from", from_host, "PrivateUse1")
    every.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for name in ("conv2d", "matmul", "bmm"):
        kernel = _in_low_precision(getattr(aten, name).default)
        operations.impl(name, kernel, "AutocastPrivateUse1")
    _LIBRARIES.extend([operations, every])
