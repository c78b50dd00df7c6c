package cli

import (
	"github.com/everpoint/everpoint/internal/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Say whether the configuration is right, with the line of each mistake."`
	Show    configShowCmd    `cmd:"" help:"Print the configuration in force: defaults, file and environment together, secrets masked."`
	Example configExampleCmd `cmd:"" help:"Print a commented file with every setting and its default."`
	Schema  configSchemaCmd  `cmd:"" help:"Print the JSON Schema of the file, for editors."`
}

type configCheckCmd struct{}

// Run loads the configuration; Load reports every mistake at once.
func (c *configCheckCmd) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	if err := conf.Check(); err != nil {
		return err
	}
	a.printf("The configuration is right.\n")
	return nil
}

type configShowCmd struct{}

// Run prints YAML.
func (c *configShowCmd) Run(a *app) error {
	conf, err := a.config()
	if err != nil {
		return err
	}
	text, err := conf.Show()
	if err != nil {
		return err
	}
	_, err = a.Out.Write(text)
	return err
}

type configExampleCmd struct{}

// Run prints the example file.
func (c *configExampleCmd) Run(a *app) error {
	_, err := a.Out.Write(config.Example())
	return err
}

type configSchemaCmd struct{}

// Run prints the schema.
func (c *configSchemaCmd) Run(a *app) error {
	_, err := a.Out.Write(config.Schema())
	return err
}
