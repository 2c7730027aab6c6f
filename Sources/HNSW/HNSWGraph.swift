package import Numerics

/// How level 0 is stored: a row of 48 UInt32 a node, 192 bytes, little-endian.
///
/// Words 0..<47 are links, nearest or not, up to the first `none`. Word 47 is the next higher node with the same code,
/// or `none`: of identical vectors only the first has links, the others hang on it in a chain.
package enum GraphLayout {
    package static let links = 47
    package static let chain = 47
    package static let words = 48
    /// Bytes from a row to the next.
    package static let stride = words * 4
    package static let none = UInt32.max
}

/// A built graph, in the bytes that are to be stored; searched through an ``HNSWIndex``.
package struct HNSWGraph: ~Copyable {
    /// Rows in the graph: 0..<count of the vector set.
    package let count: Int
    /// Nodes where a walk may start.
    package let medoids: [UInt32]
    private let level0: AlignedBuffer<UInt32>
    private let numbers: AlignedBuffer<UInt32>
    /// How ``sketchBytes`` are made; nil for short vectors and inner products, which have none.
    package let basis: SketchBasis?
    private let sketchBuffer: AlignedBuffer<Int8>

    init(
        count: Int, medoids: [UInt32], level0: consuming AlignedBuffer<UInt32>,
        numbers: consuming AlignedBuffer<UInt32>, basis: SketchBasis?,
        sketches: consuming AlignedBuffer<Int8>
    ) {
        self.basis = basis
        sketchBuffer = sketches
        self.count = count
        self.medoids = medoids
        self.level0 = level0
        self.numbers = numbers
    }

    /// Level 0 as ``GraphLayout`` says, `count` rows one after another. Valid while the graph lives.
    package var level0Bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: level0.baseAddress, count: count * GraphLayout.stride)
    }

    /// ``NodeNumbers`` of all nodes. Valid while the graph lives.
    package var numberBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: numbers.baseAddress, count: count * NodeNumbers.stride)
    }

    /// The numbers as rows. Valid while the graph lives.
    package var numberRows: BlockRows { Self.rows(numbers.baseAddress, stride: NodeNumbers.stride, count: count) }

    /// The nodes' sketches one after another. [count, SketchBasis.stride]; valid while the graph lives.
    package var sketchBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: sketchBuffer.baseAddress, count: sketchBuffer.count)
    }

    /// The sketches as rows. Valid while the graph lives.
    package var sketches: Sketches? { basis.map { Self.sketches($0, sketchBuffer.baseAddress, count: count) } }

    static func sketches(_ basis: SketchBasis, _ base: UnsafeMutablePointer<Int8>, count: Int) -> Sketches {
        Sketches(basis: basis, table: UnsafeRawPointer(base), count: count)
    }

    /// Level 0 as rows. Valid while the graph lives.
    package var level0Rows: BlockRows {
        Self.rows(level0.baseAddress, stride: GraphLayout.stride, count: count)
    }

    static func rows(_ base: UnsafeMutableRawPointer, stride: Int, count: Int) -> BlockRows {
        var rowsPerBlock = 1
        while rowsPerBlock < count { rowsPerBlock *= 2 }
        return BlockRows(
            blocks: [UnsafeRawPointer(base)], rowsPerBlock: rowsPerBlock, stride: stride, count: count)
    }
}
