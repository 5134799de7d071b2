"""Reads the weights that PyTorch before 1.6 wrote, without PyTorch and without running what a pickle may ask for.

The file is four pickles one after the other: a magic number, the version of the format, a description of the machine, and the
tensors, each of which names its storage. Then come the list of storages, and for each an eight-byte count and its numbers."""

import pickle
from collections import OrderedDict
from dataclasses import dataclass

import numpy

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
STORAGES = {"FloatStorage": numpy.dtype("<f4"), "LongStorage": numpy.dtype("<i8")}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's numbers lie in a storage; many are stored transposed, so the strides count."""

    storage: str
    dtype: numpy.dtype
    offset: int
    shape: tuple
    strides: tuple

    def cut(self, storage):
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        if min(self.offset, *self.strides, 0) < 0 or last >= len(storage):
            raise ValueError(f"a tensor of shape {self.shape} lies outside of its storage of {len(storage)} numbers")
        strides = [stride * self.dtype.itemsize for stride in self.strides]
        return numpy.ascontiguousarray(numpy.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, strides))


class Reader(pickle.Unpickler):
    """Knows ordered dictionaries, tensors and storages, and refuses everything else."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: Tensor(*storage, offset, shape, strides)
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"the weights ask for {module}.{name}, which no weights need")

    def persistent_load(self, name):
        kind, dtype, key, *_ = name
        if kind != "storage":
            raise pickle.UnpicklingError(f"the weights speak of {kind!r} where a storage was expected")
        return key, dtype


def read(path):
    """All tensors by name."""
    with open(path, "rb") as file:
        for expected in (MAGIC, VERSION):
            if Reader(file).load() != expected:
                raise ValueError(f"{path} is not in the format that PyTorch wrote before version 1.6")
        Reader(file).load()
        tensors = Reader(file).load()
        dtypes = {tensor.storage: tensor.dtype for tensor in tensors.values()}
        storages = {}
        for key in Reader(file).load():
            count = int.from_bytes(file.read(8), "little")
            storages[key] = numpy.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key], count)
    return {name: tensor.cut(storages[tensor.storage]) for name, tensor in tensors.items()}
