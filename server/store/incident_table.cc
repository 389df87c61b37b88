#include "server/store/incident_table.h"

namespace fieldmark::store {
namespace {

// Signals hold no zero byte.
constexpr char kBetween = '\0';

std::string Joined(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += text + kBetween;
  return joined;
}

std::vector<std::string> Split(std::string_view joined) {
  std::vector<std::string> texts;
  for (size_t end = joined.find(kBetween); end != std::string_view::npos; end = joined.find(kBetween)) {
    texts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(end + 1);
  }
  return texts;
}

Incident IncidentFrom(const Statement& row, std::string_view environment, std::string_view service) {
  Incident incident;
  incident.environment = environment;
  incident.service = service;
  int column = 0;
  for (int64_t* number : {&incident.id, &incident.since_first, &incident.since_last, &incident.found_at,
                          &incident.seen_at, &incident.over_at}) {
    *number = row.Int(column++);
  }
  incident.settled = row.Int(column++) != 0;
  for (std::string* text : {&incident.signal, &incident.subject, &incident.field, &incident.statistic,
                            &incident.direction, &incident.sentence}) {
    *text = row.Bytes(column++);
  }
  incident.also = Split(row.Bytes(column));
  return incident;
}

Result<int64_t> Insert(Connection& connection, const Incident& incident) {
  const std::string also = Joined(incident.also);
  FM_RETURN_IF_ERROR(connection.Run(
      "INSERT INTO incident(environment, service, since_first_unix_ms, since_last_unix_ms, found_unix_ms,"
      " seen_unix_ms, over_unix_ms, settled, signal, subject, field, statistic, direction, sentence, also)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      std::string_view(incident.environment), std::string_view(incident.service), incident.since_first,
      incident.since_last, incident.found_at, incident.seen_at, incident.over_at,
      static_cast<int64_t>(incident.settled), std::string_view(incident.signal),
      std::string_view(incident.subject), std::string_view(incident.field),
      std::string_view(incident.statistic), std::string_view(incident.direction),
      std::string_view(incident.sentence), Blob{also}));
  const int64_t id = connection.last_insert_id();
  FM_RETURN_IF_ERROR(connection.Run(
      "DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE environment = ?1 AND service = ?2"
      " ORDER BY found_unix_ms DESC, id DESC LIMIT -1 OFFSET ?3)",
      std::string_view(incident.environment), std::string_view(incident.service), kIncidentsMax));
  return id;
}

// What a later look says; what it was found as stays.
Result<int64_t> Update(Connection& connection, const Incident& incident) {
  FM_RETURN_IF_ERROR(
      connection.Run("UPDATE incident SET seen_unix_ms = ?4, over_unix_ms = ?5, settled = ?6"
                     " WHERE id = ?1 AND environment = ?2 AND service = ?3",
                     incident.id, std::string_view(incident.environment), std::string_view(incident.service),
                     incident.seen_at, incident.over_at, static_cast<int64_t>(incident.settled)));
  if (connection.changes() == 0) return NoSuchIncident(incident);
  return incident.id;
}

}  // namespace

Error NoSuchIncident(const Incident& incident) {
  return {ErrorCode::kNotFound, "going on with the incident " + std::to_string(incident.id) + ": " +
                                    incident.service + " in " + incident.environment +
                                    " has none of that id; it may have been erased"};
}

Result<std::vector<Incident>> ReadIncidents(Connection& connection, std::string_view environment,
                                            std::string_view service) {
  std::vector<Incident> incidents;
  Statement rows = connection.Use(
      "SELECT id, since_first_unix_ms, since_last_unix_ms, found_unix_ms, seen_unix_ms, over_unix_ms, "
      "settled,"
      " signal, subject, field, statistic, direction, sentence, also FROM incident"
      " WHERE environment = ? AND service = ? ORDER BY found_unix_ms DESC, id DESC",
      environment, service);
  while (true) {
    const Result<bool> row = rows.Next();
    if (!row.ok()) return row.error();
    if (!*row) return incidents;
    incidents.push_back(IncidentFrom(rows, environment, service));
  }
}

Result<int64_t> WriteIncident(Connection& connection, const Incident& incident) {
  Result<Transaction> transaction = Transaction::Begin(connection, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.error();
  const Result<int64_t> id = incident.id == 0 ? Insert(connection, incident) : Update(connection, incident);
  if (!id.ok()) return id;
  FM_RETURN_IF_ERROR(transaction->Commit());
  return id;
}

Status DropIncidents(Connection& connection, std::string_view service, std::string_view environment,
                     std::string_view field) {
  return connection.Run(
      "DELETE FROM incident WHERE service = ?1 AND (?2 = '' OR environment = ?2) AND (?3 = '' OR"
      " (substr(field, 1, length(?3)) = ?3 AND substr(field, length(?3) + 1, 1) IN ('', '.', '[')))",
      service, environment, field);
}

}  // namespace fieldmark::store
