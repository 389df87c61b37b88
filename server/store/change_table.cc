#include "server/store/change_table.h"

namespace fieldmark::store {
namespace {

AnnouncedChange ChangeFrom(const Statement& row, std::string_view environment, std::string_view service) {
  AnnouncedChange change;
  change.environment = environment;
  change.service = service;
  change.id = row.Int(0);
  change.at = row.Int(1);
  change.announced_at = row.Int(2);
  change.amended_at = row.Int(3);
  int column = 4;
  for (std::string* text : {&change.kind, &change.title, &change.version, &change.url, &change.owner,
                            &change.expected, &change.rollback}) {
    *text = row.Bytes(column++);
  }
  return change;
}

Result<int64_t> Insert(Connection& connection, const AnnouncedChange& change) {
  FM_RETURN_IF_ERROR(connection.Run(
      "INSERT INTO change(environment, service, kind, at_unix_ms, title, version, url, owner, expected,"
      " rollback, announced_unix_ms, amended_unix_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      std::string_view(change.environment), std::string_view(change.service), std::string_view(change.kind),
      change.at, std::string_view(change.title), std::string_view(change.version),
      std::string_view(change.url), std::string_view(change.owner), std::string_view(change.expected),
      std::string_view(change.rollback), change.announced_at, change.amended_at));
  const int64_t id = connection.last_insert_id();
  FM_RETURN_IF_ERROR(connection.Run(
      "DELETE FROM change WHERE id IN (SELECT id FROM change WHERE environment = ?1 AND service = ?2"
      " ORDER BY at_unix_ms DESC, id DESC LIMIT -1 OFFSET ?3)",
      std::string_view(change.environment), std::string_view(change.service), kAnnouncedChangesMax));
  return id;
}

Result<int64_t> Replace(Connection& connection, const AnnouncedChange& change) {
  FM_RETURN_IF_ERROR(connection.Run(
      "UPDATE change SET kind = ?4, at_unix_ms = ?5, title = ?6, version = ?7, url = ?8, owner = ?9,"
      " expected = ?10, rollback = ?11, announced_unix_ms = ?12, amended_unix_ms = ?13"
      " WHERE id = ?1 AND environment = ?2 AND service = ?3",
      change.id, std::string_view(change.environment), std::string_view(change.service),
      std::string_view(change.kind), change.at, std::string_view(change.title),
      std::string_view(change.version), std::string_view(change.url), std::string_view(change.owner),
      std::string_view(change.expected), std::string_view(change.rollback), change.announced_at,
      change.amended_at));
  if (connection.changes() == 0) return NoSuchChange(change);
  return change.id;
}

}  // namespace

Error NoSuchChange(const AnnouncedChange& change) {
  return {ErrorCode::kNotFound, "amending the change " + std::to_string(change.id) + ": " + change.service +
                                    " in " + change.environment +
                                    " has none of that id; the list of its changes has their ids"};
}

Result<std::vector<AnnouncedChange>> ReadChanges(Connection& connection, std::string_view environment,
                                                 std::string_view service) {
  std::vector<AnnouncedChange> changes;
  Statement rows = connection.Use(
      "SELECT id, at_unix_ms, announced_unix_ms, amended_unix_ms, kind, title, version, url, owner, expected,"
      " rollback FROM change WHERE environment = ? AND service = ? ORDER BY at_unix_ms DESC, id DESC",
      environment, service);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return changes;
    changes.push_back(ChangeFrom(rows, environment, service));
  }
}

Result<int64_t> WriteChange(Connection& connection, const AnnouncedChange& change) {
  Result<Transaction> transaction = Transaction::Begin(connection, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  const Result<int64_t> id = change.id == 0 ? Insert(connection, change) : Replace(connection, change);
  if (!id.ok()) return id;
  FM_RETURN_IF_ERROR(transaction->Commit());
  return id;
}

}  // namespace fieldmark::store
