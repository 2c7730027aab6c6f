import EmbDB
import Testing

@Suite("The model inside the program")
struct DefaultModelTests {
    @Test("is trained, has a masked-gene head, and takes the room that it may")
    func summary() throws {
        let model = try ModelDescription.read("default")
        #expect(!model.summary.isUntrained && model.head == "masked genes" && model.unusedTensors.isEmpty)
        // As f16, with the vocabulary some 600 kB: 8 MiB at most.
        #expect(2 * model.parameters + 700_000 < 8 << 20)
        #expect(model.genes + 2 == model.summary.vocabularySize)
    }
}
