// Package cli owns the everpoint command line: its grammar, what each command prints, and the exit codes. One file per
// command. It does no work of its own: it builds what the other packages offer and shows the outcome.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"

	"github.com/everpoint/everpoint/internal/config"
	"github.com/everpoint/everpoint/internal/engines"
)

// The exit codes of the program.
const (
	exitOK      = 0
	exitFailure = 1 // the command could not do its work
	exitUsage   = 2 // the command line or the configuration is wrong
)

// System is what the process gives to a command: its streams and its environment.
type System struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)
}

// grammar is the whole command line; kong reads it.
type grammar struct {
	Config string `help:"Configuration file (YAML). Default: $$EVERPOINT_CONFIG, or none." placeholder:"FILE" type:"path"`
	Data   string `help:"Folder for the database, the key and logs. Default: the user's data folder." placeholder:"DIR" type:"path"`

	Serve      serveCmd      `cmd:"" help:"Run the server."`
	Models     modelsCmd     `cmd:"" help:"List, fetch and remove models."`
	Engines    enginesCmd    `cmd:"" help:"List, install and examine the programs that run models."`
	Keys       keysCmd       `cmd:"" help:"Create, list and revoke API keys."`
	Conf       configCmd     `cmd:"" name:"config" help:"Check and show the configuration."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print the script that makes a shell complete everpoint's commands."`
	FakeEngine fakeEngineCmd `cmd:"" help:"Run a scripted engine in place of a model, for tests."`
}

// app is what every command gets.
type app struct {
	System
	flags *grammar
}

// exited carries the code that kong wants to end the process with (after --help) out of its parser.
type exited int

// Main runs one command and returns the exit code. ctx ends on Ctrl-C.
func Main(ctx context.Context, args []string, sys System) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exited:
			code = int(r)
		default:
			panic(r)
		}
	}()
	if len(args) > 0 && args[0] == engines.GuardCommand { // not for people, and its arguments are another program's
		return engines.Guard(args[1:])
	}
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("everpoint"),
		kong.Description("The OpenAI platform, kept alive and owned by its user. Start with: everpoint serve"),
		kong.Writers(sys.Out, sys.Err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the grammar itself is wrong: a test parses every command
	}
	if _, completing := sys.LookupEnv("COMP_LINE"); completing {
		kongplete.Complete(parser)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(sys.Err, "everpoint: %s\nRun \"%s --help\" to see what it takes.\n", err, commandOf(err))
		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(&app{System: sys, flags: &g}); err != nil {
		return report(sys.Err, err)
	}
	return exitOK
}

// report prints what went wrong and gives the exit code.
func report(w io.Writer, err error) int {
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(w, "everpoint: interrupted.")
		return exitFailure
	}
	var usage usageError
	var wrong *config.Error
	if errors.As(err, &wrong) {
		_, _ = fmt.Fprintf(w, "everpoint: the configuration has mistakes; nothing was started:\n  %s\nRun \"everpoint config example\" to see a whole file.\n",
			strings.ReplaceAll(wrong.Error(), "\n", "\n  "))
		return exitUsage
	}
	_, _ = fmt.Fprintf(w, "everpoint: %s\n", err)
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// usageError is a mistake in the command line that kong cannot see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// commandOf names the command that the parser had understood when it gave up.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if c := parse.Context.Command(); c != "" {
			words := strings.FieldsFunc(c, func(r rune) bool { return r == ' ' })
			for i, w := range words {
				if strings.HasPrefix(w, "<") {
					words = words[:i]
					break
				}
			}
			return strings.Join(append([]string{"everpoint"}, words...), " ")
		}
	}
	return "everpoint"
}

// config loads the configuration and lays the flags that every command has over it.
func (a *app) config() (config.Config, error) {
	c, err := config.Load(a.flags.Config, a.LookupEnv)
	if err != nil {
		return config.Config{}, err
	}
	if a.flags.Data != "" {
		c.Data = a.flags.Data
	}
	return c, nil
}

// printf writes a line or more of a command's output. A reader that went away (a closed pipe) is no failure of ours.
func (a *app) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.Out, format, args...) }
