"""What every section of the comparison needs: data, held-out cells, models, and where to say what."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import cells as files
from .report import Report
from .spaces import embedding_spaces, expression_spaces


@dataclass(frozen=True)
class Context:
    data: Path
    work: Path
    held_out: dict
    models: list
    """The trained one first, then its untrained twins; none: baselines alone."""
    report: Report
    shuffled: bool

    def read(self, name):
        """The cells of a file of the data folder; None, and said so, where it is missing."""
        path = self.data / name
        if path.is_file():
            return files.read(path)
        self.report.skip(path.name, "no such file in the data folder")

    def seen(self, cells):
        """What pretraining has seen of a file."""
        if not self.held_out:
            return "no list of held-out cells"
        if cells.path.name not in self.held_out:
            return "none of its cells seen in pretraining"
        count = int(files.is_held_out(cells, self.held_out).sum())
        return f"seen in pretraining, but for {count:,} of {len(cells.ids):,} cells"

    def labels(self, values):
        """Labels as they are, or in a random order, to see that every measure is then at chance."""
        return np.random.default_rng(0).permutation(values) if self.shuffled else values

    def embeddings(self, cells):
        """Name of the model -> embeddings of all cells of the file."""
        for model in self.models:
            self.report.progress(f"{model.name}: {cells.path.name}")
        return {model.name: model.cells(cells) for model in self.models}

    def spaces(self, cells):
        """All spaces to compare, and by cell whether every model has an embedding of it."""
        spaces, embedded = expression_spaces(cells.log_expression()), np.full(len(cells.ids), True)
        for name, vectors in self.embeddings(cells).items():
            spaces += embedding_spaces(name, vectors)
            embedded &= np.isfinite(vectors).all(axis=1)
        return spaces, embedded
