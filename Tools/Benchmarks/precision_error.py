"""How far embeddings in another precision are from the f32 ones of the same cells, in the same order.
usage: precision_error.py F32.npy OTHER.npy    what `embdb export DB FILE.npy` wrote; needs numpy"""
import sys
import numpy as np

exact, other = (np.load(path).astype(np.float64) for path in sys.argv[1:3])
assert exact.shape == other.shape, "different cells"


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def neighbors(x, k=10):
    similarity = unit(x) @ unit(x).T
    np.fill_diagonal(similarity, -2)
    return np.argpartition(-similarity, k, axis=1)[:, :k]


print(f"{len(exact)} cells x {exact.shape[1]}; |mean| / spread of the f32 embeddings: "
      f"{np.linalg.norm(exact.mean(0)) / np.sqrt(((exact - exact.mean(0)) ** 2).sum(1).mean()):.2f}")
for name, center in [("as they are", 0), ("centred by the f32 mean", exact.mean(0))]:
    a, b = exact - center, other - center
    distance = 1 - (unit(a) * unit(b)).sum(1)
    same = np.mean([len(set(x) & set(y)) / 10 for x, y in zip(neighbors(a), neighbors(b))])
    print(f"{name}: 1 - cos median {np.median(distance):.1e}, 99 % {np.quantile(distance, .99):.1e}, "
          f"max {distance.max():.1e}; 10 nearest in common {same:.3f}")
