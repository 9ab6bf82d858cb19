"""The step on bit masks that a compiler does not find by itself, as machine-independent LLVM code."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

_LINE_BITS = 512


def _exit_line(
    _context: Any, exits: Any, to: Any, of_task: Any, at: Any, table: Any, rows: Any, masks: Any, own: Any
) -> Any:
    """exits[to:] = where the exit leaves of the trees from `at` on are in the leaf values of all trees.

    The exit leaf of a tree is the lowest bit of of_task[at] & masks[own + at] & table[row + at] & …; a cache line of
    words at a time. Explicit vectors: the compiler would ask for every pair again whether the arrays overlap.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = of_task.dtype.bitwidth
        words, positions = (ir.VectorType(ir.IntType(width), _LINE_BITS // bits) for width in (bits, 32))

        def pointer(position: int, offset: Any, line: Any) -> Any:
            array = context.make_array(signature.args[position])(context, builder, arguments[position])
            return builder.bitcast(builder.gep(array.data, [offset]), line.as_pointer())

        def load(position: int, offset: Any) -> Any:
            return builder.load(pointer(position, offset, words), align=4)

        first = arguments[3]
        left = builder.and_(load(2, first), load(6, builder.add(arguments[7], first)))
        for i in range(len(rows)):
            left = builder.and_(left, load(4, builder.add(builder.extract_value(arguments[5], i), first)))
        exit_bits = _lowest_bits(builder, left)
        found = builder.trunc(exit_bits, positions) if bits > positions.element.width else exit_bits
        trees = ir.Constant(positions, [bits * i for i in range(words.count)])
        begin = builder.mul(builder.trunc(first, positions.element), ir.Constant(positions.element, bits))
        found = builder.add(builder.add(found, trees), _repeated(builder, begin, positions))
        builder.store(found, pointer(0, arguments[1], positions), align=4)
        return context.get_dummy_value()

    return numba.void(exits, to, of_task, at, table, rows, masks, own), generate


def _lowest_bits(builder: Any, words: Any) -> Any:
    """The number of the lowest bit of each word; none is 0."""
    line, flag = words.type, ir.IntType(1)
    kind = ir.FunctionType(line, [line, flag])
    name = f"llvm.cttz.v{line.count}i{line.element.width}"
    function: Any = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return builder.call(function, [words, ir.Constant(flag, 1)])


def _repeated(builder: Any, value: Any, line: Any) -> Any:
    one = builder.insert_element(ir.Constant(line, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), line.count), [0] * line.count)
    return builder.shuffle_vector(one, ir.Constant(line, ir.Undefined), order)


def _fetch_line(_context: Any, masks: Any, at: Any) -> Any:
    """Ask for the cache line of masks[at], which is read soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function: Any = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        read, nearest, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [place, read, nearest, data])
        return context.get_dummy_value()

    return numba.void(masks, at), generate


exit_line: Any = intrinsic(_exit_line)
fetch_line: Any = intrinsic(_fetch_line)
