// Counts into a new database, then the cells nearest to the first fibroblast without COL1A1.

import EmbDB

let heart = try Database.open("heart.embdb", access: .create)
var ingest = IngestOptions()
ingest.model = "default"
_ = try heart.ingest(["heart.h5ad"], options: ingest)

var options = NearestOptions()
options.k = 5
options.edit = GeneEdit(delete: ["COL1A1"])
let answer = try heart.nearest(.selection(#"cell_type == "fibroblast""#), options: options)
for neighbor in answer.queries[0].neighbors { print(neighbor.rank, neighbor.cell, neighbor.distance) }
