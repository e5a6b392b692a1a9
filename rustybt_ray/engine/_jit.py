"""The one compile policy of our kernels. Imported only where a kernel is not in the folder of compiled ones yet."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import cfunc, config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from rustybt_ray.engine._objects import target_machine
from rustybt_ray.engine.native import Kind
from rustybt_ray.engine.structures import LANES

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
SIGNATURE = types.int64(types.CPointer(types.voidptr), types.CPointer(types.int64), types.CPointer(types.float64))


def kernel(function: Function) -> Function:
    """Compile a function that kernels are made of: inlined where it is called, IEEE arithmetic as written (no fastmath).

    There is no reference counting in it, hence no memory of its own: arrays are handed in.
    """
    return njit(forceinline=True, nogil=True, **OPTIONS)(function)


def compile_entry(function: Any, kinds: Sequence[Kind]) -> tuple[str, bytes]:
    """Machine code of a kernel for arguments of these kinds, and the name of its function.

    The function takes one table of 8 byte words three times, as pointers, whole numbers and floats (see `native.Bound`).
    """
    names: dict[str, Any] = {"function": function, "array_at": array_at}
    words, texts = 0, []
    for kind in kinds:
        text, words = _expression(kind, words, names)
        texts.append(text)
    code = f"def entry(pointers, numbers, floats):\n    return function({', '.join(texts)})\n"
    exec(code, names)
    # numba leaves out the pass that joins equal operations side by side (a twentieth of a trial); it moves no bit
    before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1
    try:
        compiled = cfunc(SIGNATURE, **OPTIONS)(names["entry"])
    finally:
        config.SLP_VECTORIZE = before
    module = llvm.parse_assembly(compiled.inspect_llvm())
    foreign = [f.name for f in module.functions if f.is_declaration and f.name.startswith(("numba_", "NRT_", "Py"))]
    assert not foreign, f"{function} needs {foreign}, which a process without numba has not"
    return compiled.native_name, target_machine().emit_object(module)


def _expression(kind: Kind, at: int, names: dict[str, Any]) -> tuple[str, int]:
    """How the entry takes an argument of this kind from the table at word `at`, and the word behind it."""
    if kind.fields:
        texts = []
        for field in kind.fields:
            text, at = _expression(field, at, names)
            texts.append(text)
        names[kind.name] = kind.type
        return f"{kind.name}({', '.join(texts)})", at
    if kind.dtype is None:
        return f"{'floats' if kind.name == 'float' else 'numbers'}[{at}]", at + 1
    name = f"dtype_{len(names)}"
    names[name] = (
        np.dtype(kind.dtype) if kind.dtype.names else getattr(numba, str(kind.dtype).replace("bool", "boolean"))
    )
    shape = "".join(f"numbers[{at + 1 + axis}], " for axis in range(kind.ndim))
    return f"array_at(pointers[{at}], ({shape}), {name})", at + 1 + kind.ndim


@intrinsic
def as_vector(context: Any, array: Any, dtype: Any) -> Any:
    """The memory of a C-contiguous array as a vector of another type; numba's own `view` and `reshape` may raise."""
    kind = types.Array(dtype.dtype, 1, "C", readonly=not array.mutable)

    def generate(target: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
        source, made = make_array(array)(target, builder, values[0]), make_array(kind)(target, builder)
        item = target.get_constant(types.intp, target.get_abi_sizeof(target.get_data_type(kind.dtype)))
        count = builder.udiv(builder.mul(source.nitems, source.itemsize), item)
        data = builder.bitcast(source.data, target.get_data_type(kind.dtype).as_pointer())
        populate_array(made, data=data, shape=[count], strides=[item], itemsize=item, meminfo=None)
        return made._getvalue()

    return kind(array, dtype), generate


@intrinsic
def array_at(context: Any, pointer: Any, shape: Any, dtype: Any) -> Any:
    """A C-contiguous array on memory that is somebody else's: numba's `carray` where nothing counts references.

    `pointer` may be an address, a whole number.
    """
    kind = types.Array(dtype.dtype, len(shape), "C")

    def generate(target: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
        array = make_array(kind)(target, builder)
        item = target.get_abi_sizeof(target.get_data_type(kind.dtype))
        sizes = cgutils.unpack_tuple(builder, values[1])
        strides: list[Any] = []
        step = target.get_constant(types.intp, item)
        for size in reversed(sizes):
            strides.insert(0, step)
            step = builder.mul(step, size)
        place = builder.inttoptr if isinstance(pointer, types.Integer) else builder.bitcast
        data = place(values[0], target.get_data_type(kind.dtype).as_pointer())
        populate_array(array, data=data, shape=sizes, strides=strides, itemsize=item, meminfo=None)
        return array._getvalue()

    return kind(pointer, shape, dtype), generate


@intrinsic(prefer_literal=True)
def local_zeros(context: Any, count: Any, dtype: Any) -> Any:
    """A vector of a few zeros in the function's own frame, which the compiler may keep in registers.

    Nothing else can lie where it lies: unlike an array that is handed in, it need not be stored before anything is read.
    """
    kind, number = types.Array(dtype.dtype, 1, "C"), count.literal_value

    def generate(target: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
        item, made = target.get_data_type(kind.dtype), make_array(kind)(target, builder)
        vector = ir.ArrayType(item, number)
        memory = cgutils.alloca_once(builder, vector)
        builder.store(ir.Constant(vector, None), memory)
        step = target.get_constant(types.intp, target.get_abi_sizeof(item))
        shape, data = [target.get_constant(types.intp, number)], builder.bitcast(memory, item.as_pointer())
        populate_array(made, data=data, shape=shape, strides=[step], itemsize=step, meminfo=None)
        return made._getvalue()

    return kind(count, dtype), generate


@intrinsic(prefer_literal=True)
def extremes(context: Any, values: Any, count: Any) -> Any:
    """Largest and smallest of the first `count` numbers of a vector, a literal multiple of eight.

    Written with vectors because the compiler makes single comparisons of two extremes that are sought side by side.
    """
    kind, number = types.UniTuple(types.float64, 2), count.literal_value

    def generate(target: Any, builder: Any, signature: Any, given: Sequence[Any]) -> Any:
        array, eight = make_array(values)(target, builder, given[0]), ir.VectorType(ir.DoubleType(), LANES)
        data = builder.bitcast(array.data, eight.as_pointer())
        places = (builder.gep(data, [target.get_constant(types.intp, i)]) for i in range(number // LANES))
        loaded = [builder.load(place, align=8) for place in places]
        found = []
        for order in (">", "<"):
            extreme = loaded[0]
            for other in loaded[1:]:
                extreme = builder.select(builder.fcmp_ordered(order, other, extreme), other, extreme)
            for half in (4, 2, 1):
                low, high = (_part(builder, extreme, start, half) for start in (0, half))
                extreme = builder.select(builder.fcmp_ordered(order, high, low), high, low)
            found.append(builder.extract_element(extreme, ir.Constant(ir.IntType(32), 0)))
        return target.make_tuple(builder, signature.return_type, found)

    return kind(values, count), generate


def _part(builder: Any, vector: Any, start: int, count: int) -> Any:
    """So many elements of a vector from `start` on."""
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(start, start + count)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), places)
