/// Why a model file could not be opened, read or written.
package struct CheckpointError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. New kinds may come with later versions.
    package struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind.
        package let rawValue: String
        /// A kind of this name.
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The name of the kind.
        package var description: String { rawValue }

        /// There is no such file or folder.
        package static let notFound = Code(rawValue: "notFound")
        /// The file is there, but the system does not let it be read.
        package static let notReadable = Code(rawValue: "notReadable")
        /// The file could not be written.
        package static let notWritable = Code(rawValue: "notWritable")
        /// The file's bytes contradict its format.
        package static let malformed = Code(rawValue: "malformed")
        /// The file is what it says, but this program does not read that kind.
        package static let unsupported = Code(rawValue: "unsupported")
        /// A tensor that the model needs is not in the file.
        package static let missingTensor = Code(rawValue: "missingTensor")
        /// A tensor has another shape than the configuration asks for.
        package static let wrongShape = Code(rawValue: "wrongShape")
        /// A size in the file is past what the format or the machine allows.
        package static let tooLarge = Code(rawValue: "tooLarge")
    }

    /// The kind of failure.
    package let code: Code
    /// The file, as the caller named it.
    package let file: String
    /// The tensor in question, if it is about one.
    package let tensor: String?
    /// What is wrong, without the file and the tensor.
    package let detail: String
    /// What to do about it; nil for what the kind of failure tells.
    package let advice: String?

    /// A failure of kind `code` in `file`.
    package init(_ code: Code, file: String, tensor: String? = nil, detail: String, advice: String? = nil) {
        self.code = code
        self.file = file
        self.tensor = tensor
        self.detail = detail
        self.advice = advice
    }

    /// One line: what is wrong (where): what to do.
    package var description: String {
        "\(detail) (\(file)\(tensor.map { ", tensor \($0)" } ?? "")): \(advice ?? code.advice)"
    }
}

extension CheckpointError.Code {
    /// What helps against most failures of the kind.
    var advice: String {
        switch self {
        case .notFound: "check the path"
        case .notReadable: "check who may read it"
        case .notWritable: "write where there is room and permission"
        case .unsupported: "save it again in a current format, such as safetensors"
        case .missingTensor, .wrongShape: "use the checkpoint that belongs to this config.json"
        default: "copy or download it again"
        }
    }
}
