package enum Tuning {
    nonisolated(unsafe) package static var a = 0, b = 0, c = 0, d = 0, e = 0
    nonisolated(unsafe) package static var cap = 6
    nonisolated(unsafe) package static var fly = 4
    nonisolated(unsafe) package static var x = 2
    nonisolated(unsafe) package static var y: Float = 2
}
