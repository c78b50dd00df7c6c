package cli

import (
	"fmt"
	"os"
)

// completionScripts hand the line to everpoint itself, which answers with what may follow (see Main).
var completionScripts = map[string]string{
	"bash": "complete -C %[1]s everpoint\n",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -C %[1]s everpoint\n",
	"fish": `function __everpoint_complete
    set -lx COMP_LINE (commandline -cp)
    %[1]s
end
complete -f -c everpoint -a "(__everpoint_complete)"
`,
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is shown by --help.
func (c *completionCmd) Help() string {
	return `bash: add  eval "$(everpoint completion bash)"  to ~/.bashrc
zsh:  add  eval "$(everpoint completion zsh)"  to ~/.zshrc
fish: everpoint completion fish > ~/.config/fish/completions/everpoint.fish`
}

// Run prints the script.
func (c *completionCmd) Run(a *app) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program cannot tell where it lies, so no shell could call it: %w", err)
	}
	a.printf(completionScripts[c.Shell], quoted(self))
	return nil
}
