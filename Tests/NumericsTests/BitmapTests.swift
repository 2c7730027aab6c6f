import Numerics
import Testing

@Suite("Bitmap")
struct BitmapTests {
    @Test(
        "agrees with a set of rows under random operations, at sizes around a word", arguments: [0, 1, 63, 64, 65, 200])
    func againstSet(count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        func draw() -> (Bitmap, Set<Int>) {
            var bitmap = Bitmap(count: count)
            var set: Set<Int> = []
            for row in 0..<count where random.uniform() < 0.4 {
                bitmap[row] = true
                set.insert(row)
            }
            return (bitmap, set)
        }
        for _ in 0..<20 {
            var (bitmap, set) = draw()
            let (other, otherSet) = draw()
            switch random.next() % 3 {
            case 0:
                bitmap.formIntersection(other)
                set.formIntersection(otherSet)
            case 1:
                bitmap.formUnion(other)
                set.formUnion(otherSet)
            default:
                bitmap.invert()
                set = Set(0..<count).subtracting(set)
            }
            if count > 0 {
                let row = Int(random.next() % UInt64(count))
                bitmap[row] = false
                set.remove(row)
            }
            #expect(bitmap.rows == set.sorted() && bitmap.population == set.count)
            #expect((-2..<count + 70).allSatisfy { bitmap[$0] == set.contains($0) })
        }
    }

    @Test(
        "filled has all rows and no bit past the last, so that inverting leaves none",
        arguments: [0, 1, 63, 64, 65, 128])
    func filled(count: Int) {
        var bitmap = Bitmap(count: count, filled: true)
        #expect(bitmap.rows == Array(0..<count))
        bitmap.invert()
        #expect(bitmap == Bitmap(count: count) && bitmap.population == 0)
    }
}
