"""Writes Tools/Fuzz/Seeds: small valid inputs of the formats that have no fixture files in Tests, one folder a target.

Needs numpy (2.3.5). PyTorch is not needed: its files are a zip of a pickle and bytes, written here by hand.
"""

import collections
import io
import json
import pathlib
import pickle
import sys
import types
import zipfile

import numpy

root = pathlib.Path(__file__).parent / "Fuzz" / "Seeds"


def write(target, name, content):
    folder = root / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


# Pickles: the dictionaries of Geneformer, and values of every kind, by every protocol.
values = {
    "genes": {"ENSG00000000003": 2, "<pad>": 0, "TSPAN6": 1.25},
    "kinds": [None, True, False, 1, 300, -70000, 1 << 40, 2.5, "é", b"bytes", (1, 2), (), {1, 2}, [[]], {"a": {}}],
    "medians": {"a": numpy.float64(2.001), "b": numpy.int64(3), "c": numpy.float32(0.5)},
    "ordered": collections.OrderedDict(a=1, b=[2]),
    "defaultdict": collections.defaultdict(list, a=[1]),
}
for name, value in values.items():
    for protocol in range(6):
        write("pickle", f"{name}_{protocol}.pkl", pickle.dumps(value, protocol))


# PyTorch: what torch.save writes, by stand-ins for the functions that it names.
torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")


class FloatStorage:
    pass


class HalfStorage:
    pass


def _rebuild_tensor_v2(*arguments):
    pass


for thing, module in [(FloatStorage, torch), (HalfStorage, torch), (_rebuild_tensor_v2, utils)]:
    thing.__module__ = module.__name__
    thing.__qualname__ = thing.__name__
    setattr(module, thing.__name__, thing)
sys.modules.update({"torch": torch, "torch._utils": utils})


class Tensor:
    def __init__(self, key, kind, count, offset, shape, strides):
        self.storage = ("storage", kind, key, "cpu", count)
        self.view = (offset, shape, strides)

    def __reduce__(self):
        return _rebuild_tensor_v2, (Storage(self.storage), *self.view, False, collections.OrderedDict())


class Storage:
    def __init__(self, identity):
        self.identity = identity


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.identity if isinstance(value, Storage) else None


def torch_file(state, records, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    Pickler(data, 2).dump(state)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        entries = {"data.pkl": data.getvalue(), "byteorder": b"little", **records, "version": b"3\n"}
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo("m/" + name), content, compression)
    return file.getvalue()


state = collections.OrderedDict(
    weight=Tensor("0", FloatStorage, 6, 0, (2, 3), (3, 1)),
    transposed=Tensor("0", FloatStorage, 6, 0, (3, 2), (1, 3)),
    tail=Tensor("0", FloatStorage, 6, 4, (2,), (1,)),
    half=Tensor("1", HalfStorage, 2, 1, (), ()),
)
records = {"data/0": numpy.arange(6, dtype="<f4").tobytes(), "data/1": numpy.ones(2, dtype="<f2").tobytes()}
write("torch", "stored.pt", torch_file(state, records))
write("torch", "deflated.pt", torch_file(state, records, zipfile.ZIP_DEFLATED))
write("torch", "nested.pt", torch_file({"epoch": 3, "state_dict": state}, records))

# Query vectors.
for name, array in {
    "matrix": numpy.arange(8, dtype="<f4").reshape(2, 4),
    "vector": numpy.arange(3, dtype="<f8"),
    "fortran": numpy.asfortranarray(numpy.ones((2, 3), "<f4")),
    "integers": numpy.ones((2, 2), "<i8"),
    "nothing": numpy.ones((0, 4), "<f4"),
}.items():
    file = io.BytesIO()
    numpy.save(file, array)
    write("npy", name + ".npy", file.getvalue())

# Texts.
for number, text in enumerate(
    [
        'disease == "DCM" and note in ["a", \'12\'] and not (n_genes < 500)',
        "score >= -1.5e3 or score is missing",
        "`cell type` != \"T cell\" and is_doublet == true",
        "cell in [\"AAAC-1\", 'CCTA-1'] or n_genes is not missing",
        "note <= 12 or note > \"é\"",
        "not not (n_genes == 9223372036854775807)",
    ]
):
    write("expression", f"{number}.txt", text)
config = {
    "model_type": "bert", "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "hidden_act": "relu", "max_position_embeddings": 24, "type_vocab_size": 2,
    "layer_norm_eps": 1e-12, "pad_token_id": 0, "architectures": ["BertForMaskedLM"],
}  # fmt: skip
write("config", "plain.json", json.dumps(config))
write("config", "labels.json", json.dumps(config | {"id2label": {"0": "a", "1": 2}, "embdb_seed": 7}, indent=2))
header = "token\tensembl_id\tsymbol\tnonzero_median\n"
write("vocabulary", "v1.tsv", header + "0\t<pad>\t\t\n1\t<mask>\t\t\n2\tENSG00000000003\tTSPAN6\t2.001\n")
write("vocabulary", "v2.tsv", header + "0\t<pad>\t\t\r\n1\t<mask>\t\t\r\n2\t<cls>\t\t\r\n3\tENSG00000000005\tA\t1\r\n")
