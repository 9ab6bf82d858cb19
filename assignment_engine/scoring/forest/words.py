"""The two steps on bit masks that a compiler does not find by itself, as machine-independent LLVM code."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic


def _exit_leaf(_context: Any, word: Any, _tree: Any) -> Any:
    """Where the leaf of the lowest bit of `word` is in the leaf values of all trees; `word` is not 0.

    Unsigned and with the width of the word as a constant, because the loops around it are as quick as this is.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, tree = arguments
        bit = builder.cttz(left, ir.Constant(ir.IntType(1), 1))
        position = builder.zext(bit, tree.type) if word.bitwidth < 64 else bit
        return builder.add(builder.mul(tree, ir.Constant(tree.type, word.bitwidth)), position)

    return numba.uint64(word, numba.uint64), generate


def _and_line(
    _context: Any, left: Any, to: Any, of_task: Any, at: Any, table: Any, rows: Any, masks: Any, own: Any
) -> Any:
    """left[to:] = of_task[at:] & masks[own + at:] & table[row + at:] & …, a cache line of words.

    Explicit vectors: the compiler would ask for every pair again whether the arrays overlap.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(ir.IntType(left.dtype.bitwidth), 512 // left.dtype.bitwidth)

        def pointer(position: int, offset: Any) -> Any:
            array = context.make_array(signature.args[position])(context, builder, arguments[position])
            return builder.bitcast(builder.gep(array.data, [offset]), line.as_pointer())

        def load(position: int, offset: Any) -> Any:
            return builder.load(pointer(position, offset), align=4)

        first = arguments[3]
        words = builder.and_(load(2, first), load(6, builder.add(arguments[7], first)))
        for i in range(len(rows)):
            words = builder.and_(words, load(4, builder.add(builder.extract_value(arguments[5], i), first)))
        builder.store(words, pointer(0, arguments[1]), align=4)
        return context.get_dummy_value()

    return numba.void(left, to, of_task, at, table, rows, masks, own), generate


and_line: Any = intrinsic(_and_line)
exit_leaf: Any = intrinsic(_exit_leaf)
