import EmbDB
import Testing

@Suite("memory in use")
struct ResidentMemoryTests {
    @Test("the lines of /proc/self/smaps are added up, those of the file apart; names with blanks are whole")
    func parsing() {
        let text = """
            55d0c0a00000-55d0c0b00000 r-xp 00000000 08:01 131                        /usr/bin/embdb
            Size:               1024 kB
            Rss:                 512 kB
            VmFlags: rd ex mr mw me
            7f0000000000-7f1000000000 r--s 00000000 08:01 4711                       /data/my heart.embdb
            Size:            1048576 kB
            Rss:                2048 kB
            Pss:                1024 kB
            7f2000000000-7f2000001000 rw-p 00000000 00:00 0
            Rss:                   4 kB
            7f3000000000-7f3000001000 r--s 00000000 08:01 4711                       /data/my heart.embdb
            Rss:                   8 kB
            7f4000000000-7f4000001000 r--s 00000000 08:01 4712                       /data/my heart.embdb-lock
            Rss:                  16 kB
            """
        let memory = ResidentMemory(smaps: text, path: "/data/my heart.embdb")
        #expect(memory.process == 1024 * (512 + 2048 + 4 + 8 + 16))
        #expect(memory.file == 1024 * (2048 + 8))
        #expect(ResidentMemory(smaps: text, path: "/data/other").file == 0)
    }

    @Test("info counts the file's pages that a query touched; without cells there is no query")
    func info() throws {
        let space = try Workspace()
        let empty = try space.database("empty")
        #expect(try empty.info().memory == nil)
        let database = try ImportTests.imported(space)
        let memory = try #require(try database.info().memory)
        let file = try database.info().fileBytes
        // The map's pages are counted twice at most where the system keeps them huge.
        #expect(memory.mapped >= 4096 && memory.mapped <= max(2 * file, 4 << 20))
        #expect(memory.resident > memory.mapped)
    }
}
