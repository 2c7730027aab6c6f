extension TrainingFolder {
    private func refusal(_ what: String, _ advice: String) -> EmbDBError {
        EmbDBError(.usage, "\(what) (\(path)): \(advice)")
    }

    /// Asked where nobody said that a training is to be gone on with.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` if there is one, unfinished or not.
    func refuseTraining() throws(EmbDBError) {
        switch state {
        case .new: return
        case .complete: throw refusal("there is a trained model in the folder already", "name a new folder")
        case .unfinished:
            throw refusal("an unfinished training is in the folder", "give --resume to go on, or name a new folder")
        }
    }

    /// The words of the checkpoint that the training `key` goes on from; nil if it begins, or is complete.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` for another training.
    func words(of key: String) throws(EmbDBError) -> [String: String]? {
        switch state {
        case .new: return nil
        case .complete:
            guard holdsModel(of: key) else {
                throw refusal(
                    "the model in the folder was trained from other cells or by other options", "name a new folder")
            }
            return nil
        case .unfinished(let words):
            guard words[Self.keyWord] == key else {
                throw refusal(
                    "the unfinished training in the folder is of other cells or other options",
                    "give those, or name a new folder")
            }
            return words
        }
    }
}
