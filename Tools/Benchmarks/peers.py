"""Libraries that search vectors in memory or in a file, behind one interface.

All are asked for cosine: those that know only inner products or distances get normalised vectors. `effort` is what a library's
speed is traded by; each has a ladder of it.
"""
from pathlib import Path

import numpy as np

# As in most comparisons: 16 links a node, 200 candidates while building.
LINKS = 16
CONSTRUCTION = 200


def unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(norms, 1e-30), np.float32)


class Peer:
    """One library with one kind of index."""

    package: str
    efforts = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
    can_filter = False
    # Queries that a filtered pass asks; fewer where a pass would take minutes.
    filtered_queries = 1000
    can_add = False

    def build(self, vectors: np.ndarray, threads: int) -> None: raise NotImplementedError
    def save(self, path: Path) -> None: raise NotImplementedError
    def open(self, path: Path, dimension: int) -> None: raise NotImplementedError

    def open_to_add(self, path: Path, dimension: int) -> None:
        """As `open`; what is mapped cannot be added to."""
        self.open(path, dimension)

    def search(self, queries: np.ndarray, k: int, effort: int) -> np.ndarray:
        """Row numbers [queries, k], on one thread."""
        raise NotImplementedError

    def search_among(self, queries: np.ndarray, k: int, effort: int, mask: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def add(self, vectors: np.ndarray) -> None: raise NotImplementedError


class HNSWLib(Peer):
    package = "hnswlib==0.8.0"
    can_filter = True
    filtered_queries = 100
    can_add = True

    def build(self, vectors, threads):
        import hnswlib
        self.index = hnswlib.Index("cosine", vectors.shape[1])
        self.index.init_index(len(vectors), M=LINKS, ef_construction=CONSTRUCTION)
        self.index.add_items(vectors, num_threads=threads)

    def save(self, path): self.index.save_index(str(path))

    def open(self, path, dimension):
        import hnswlib
        self.index = hnswlib.Index("cosine", dimension)
        self.index.load_index(str(path))

    def search(self, queries, k, effort):
        self.index.set_ef(max(effort, k))
        return self.index.knn_query(queries, k=k, num_threads=1)[0].astype(np.int64)

    def search_among(self, queries, k, effort, mask):
        self.index.set_ef(max(effort, k))
        allowed = mask.tolist()
        return self.index.knn_query(queries, k=k, num_threads=1, filter=lambda row: allowed[row])[0].astype(np.int64)

    def add(self, vectors):
        count = self.index.get_current_count()
        if count + len(vectors) > self.index.get_max_elements():
            self.index.resize_index(count + max(len(vectors), count // 4))
        self.index.add_items(vectors, num_threads=1)


class Faiss(Peer):
    package = "faiss-cpu==1.15.1"
    can_filter = True
    can_add = True

    def build(self, vectors, threads):
        import faiss
        faiss.omp_set_num_threads(threads)
        vectors = unit(vectors)
        self.index = self.make(faiss, vectors)
        self.index.add(vectors)

    def make(self, faiss, vectors):
        index = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = CONSTRUCTION
        return index

    def save(self, path):
        import faiss
        faiss.write_index(self.index, str(path))

    def open(self, path, dimension):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)

    def open_to_add(self, path, dimension):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path))

    def parameters(self, faiss, k, effort, selector):
        return faiss.SearchParametersHNSW(efSearch=max(effort, k), sel=selector)

    def search(self, queries, k, effort, selector=None):
        import faiss
        return self.index.search(unit(queries), k, params=self.parameters(faiss, k, effort, selector))[1]

    def search_among(self, queries, k, effort, mask):
        import faiss
        bits = np.packbits(mask, bitorder="little")
        return self.search(queries, k, effort, faiss.IDSelectorBitmap(bits))

    def add(self, vectors):
        self.index.add(unit(vectors))


class FaissIVF(Faiss):
    """Fast scan of 4-bit codes in the lists nearest to the query; the best are compared again on floats."""

    efforts = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
    # Times 10 are compared again, and more where many lists are read: fewer keep recall below 0.99.
    again = 24

    def make(self, faiss, vectors):
        count, dimension = vectors.shape
        lists = 1 << max(4, round(np.log2(2 * count**0.5)))
        index = faiss.index_factory(
            dimension, f"IVF{lists},PQ{dimension // 2}x4fsr,RFlat", faiss.METRIC_INNER_PRODUCT)
        index.train(vectors[:100_000])
        return index

    def parameters(self, faiss, k, effort, selector):
        return faiss.IndexRefineSearchParameters(
            k_factor=max(3, max(self.again, effort) * 10 / k),
            base_index_params=faiss.SearchParametersIVF(nprobe=effort, sel=selector))


class USearch(Peer):
    package = "usearch==2.26.6"
    can_add = True

    def index_of(self, dimension):
        from usearch.index import Index
        return Index(
            ndim=dimension, metric="cos", dtype="bf16", connectivity=LINKS, expansion_add=CONSTRUCTION)

    def build(self, vectors, threads):
        self.index = self.index_of(vectors.shape[1])
        self.index.add(np.arange(len(vectors)), vectors, threads=threads)

    def save(self, path): self.index.save(str(path))

    def open(self, path, dimension):
        self.index = self.index_of(dimension)
        self.index.view(str(path))

    def open_to_add(self, path, dimension):
        self.index = self.index_of(dimension)
        self.index.load(str(path))

    def search(self, queries, k, effort):
        self.index.expansion_search = max(effort, k)
        # One query has one row of keys, several have a matrix.
        return np.asarray(self.index.search(queries, k, threads=1).keys).reshape(len(queries), k).astype(np.int64)

    def add(self, vectors):
        self.index.add(np.arange(len(self.index), len(self.index) + len(vectors)), vectors, threads=1)


class SymphonyQG(Peer):
    package = "rabitqlib==0.7.1"

    def build(self, vectors, threads):
        import rabitqlib
        self.index = rabitqlib.SymqgIndex(vectors.shape[1], 32, "l2")
        self.index.build(unit(vectors), CONSTRUCTION, threads)

    def save(self, path): self.index.save(str(path))

    def open(self, path, dimension):
        import rabitqlib
        self.index = rabitqlib.SymqgIndex.load(str(path))

    def search(self, queries, k, effort):
        found = self.index.search(unit(queries), k, max(effort, k), 1)
        ids = next(part for part in found if np.issubdtype(np.asarray(part).dtype, np.integer))
        return np.asarray(ids).astype(np.int64)


class SVS(Peer):
    """Vamana graph; `path` is a folder."""

    package = "scalable-vs==0.5.0"

    def build(self, vectors, threads):
        import svs
        self.index = svs.Vamana.build(
            svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=32, window_size=CONSTRUCTION), unit(vectors),
            svs.DistanceType.MIP, num_threads=threads)

    def save(self, path):
        path.mkdir()
        self.index.save(str(path / "configuration"), str(path / "graph"), str(path / "vectors"))

    def open(self, path, dimension):
        import svs
        self.index = svs.Vamana(
            str(path / "configuration"), svs.GraphLoader(str(path / "graph")),
            svs.VectorDataLoader(str(path / "vectors"), svs.float32, dims=dimension), svs.DistanceType.MIP,
            num_threads=1)

    def search(self, queries, k, effort):
        self.index.search_window_size = max(effort, k)
        return self.index.search(unit(queries), k)[0].astype(np.int64)


PEERS = {
    "hnswlib": HNSWLib,
    "faiss HNSW": Faiss,
    "faiss IVF fast scan": FaissIVF,
    "usearch bf16": USearch,
    "SymphonyQG": SymphonyQG,
    "SVS Vamana": SVS,
}
