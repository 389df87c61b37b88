#include "cli/doctor.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/exit_code.h"
#include "cli/server_answers.h"

namespace fieldmark::cli {
namespace {

constexpr std::array<const char*, 2> kPythons = {"python", "python3"};

int Run(const std::vector<std::string>& extra) {
  std::error_code unreadable;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  for (const char* name : kPythons) {
    const std::filesystem::path python = self.parent_path() / name;
    if (unreadable || !std::filesystem::exists(python, unreadable)) continue;
    std::vector<std::string> words = {python.string(), "-m", "fieldmark", "doctor"};
    words.insert(words.end(), extra.begin(), extra.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(python.c_str(), arguments.data());
  }
  PrintError(
      "looking for the service's Python beside this program: found none that starts; type 'python -m "
      "fieldmark "
      "doctor' in the environment of the service");
  return kCouldNotRun;
}

}  // namespace

void AddDoctor(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("doctor", "What would the service here send, where to, and what is wrong");
  command->prefix_command();  // its options are Python's to read
  command->set_help_flag();
  command->callback([command, &exit_code] { exit_code = Run(command->remaining()); });
}

}  // namespace fieldmark::cli
