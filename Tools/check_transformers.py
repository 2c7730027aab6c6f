#!/usr/bin/env python3
"""What Hugging Face's transformers makes of embdb's model folders, and the other way round; started by check-transformers."""
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()


def read(folder: str) -> BertForMaskedLM:
    """The model in `folder`; nothing missing, nothing left over, nothing of another shape."""
    model, report = BertForMaskedLM.from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not report[kind], f"{folder}: {kind}: {report[kind]}"
    return model.eval()


def load(folder: str) -> None:
    model = read(folder)
    stored = load_file(Path(folder) / "model.safetensors")
    # Not that names fit alone: every parameter has the numbers of the file.
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, stored[name]), f"{folder}: {name} has other numbers than the file"
    assert model.config.architectures == ["BertForMaskedLM"], model.config.architectures
    head = model.get_output_embeddings().weight
    assert head.data_ptr() == model.get_input_embeddings().weight.data_ptr(), "the head's matrix is not the word embedding"
    print(f"  {Path(folder).name}: {sum(p.numel() for p in model.parameters()):,} parameters, nothing missing, nothing left over")


def embeddings(folder: str, vectors: str, tokens: str) -> None:
    """The mean over the genes of the second-to-last layer, beside what an ingest has stored."""
    model, found = read(folder), np.load(vectors)
    with np.load(tokens) as file:
        places, ids = file["indptr"], file["tokens"]
    assert len(found) == len(places) - 1 > 0, f"{len(found)} embeddings, {len(places) - 1} cells"
    worst = 0.0
    with torch.inference_mode():
        for row, (begin, end) in enumerate(zip(places[:-1], places[1:])):
            states = model.bert(input_ids=torch.from_numpy(ids[begin:end].astype(np.int64))[None], output_hidden_states=True).hidden_states
            wanted = states[-2][0].mean(0).numpy()
            worst = max(worst, float(np.abs(wanted - found[row]).max()))
            # A mean of layer norms is no small number: a wrong layer would be far off.
            assert np.abs(states[-1][0].mean(0).numpy() - found[row]).max() > 1e-3, "the last two layers give the same"
    assert worst <= 1e-4, f"{folder}: embeddings differ by {worst}"
    print(f"  {Path(folder).name}: embeddings of {len(found)} cells differ by {worst:.1e} at most")


def save(folder: str, vocabulary: str) -> None:
    """A model of another shape, as transformers draws and saves it."""
    torch.manual_seed(5)
    size = sum(1 for _ in open(vocabulary)) - 1
    BertForMaskedLM(BertConfig(
        vocab_size=size, hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=80, hidden_act="gelu",
        max_position_embeddings=256, pad_token_id=0)).save_pretrained(folder)


def same(saved: str, gone_on: str) -> None:
    before, after = read(saved).state_dict(), read(gone_on).state_dict()
    assert before.keys() == after.keys(), before.keys() ^ after.keys()
    for name, values in before.items():
        # Zeros alone show what so small a rate has done.
        assert torch.allclose(values, after[name], rtol=0, atol=1e-20), f"{gone_on}: {name} is not that of {saved}"
    a, b = BertConfig.from_pretrained(saved), BertConfig.from_pretrained(gone_on)
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
                "max_position_embeddings", "type_vocab_size", "pad_token_id"):
        assert getattr(a, key) == getattr(b, key), f"{key}: {getattr(a, key)}, gone on with {getattr(b, key)}"
    print(f"  {Path(saved).name}: gone on with, the same {len(before)} tensors")


def learned(folder: str) -> None:
    rows = [line.split("\t") for line in (Path(folder) / "training.tsv").read_text().splitlines()]
    column = rows[0].index("loss")
    losses = [float(row[column]) for row in rows[1:]]
    assert losses[-1] < losses[0] - 0.05, losses
    print(f"  {Path(folder).name}: its loss falls from {losses[0]:.2f} to {losses[-1]:.2f}")


if __name__ == "__main__":
    {"load": load, "embeddings": embeddings, "save": save, "same": same, "learned": learned}[sys.argv[1]](*sys.argv[2:])
